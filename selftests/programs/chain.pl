# SPDX-License-Identifier: GPL-2.0
# A chain of digests, counted by their beginnings.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);

my ($digest, %count) = ("");
for (1 .. $ARGV[0]) {
	$digest = sha256_hex($digest);
	$count{substr($digest, 0, 3)}++;
}
print "$digest\n";
print "$_ $count{$_}\n" for sort keys %count;
