# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the benchmark needs on the machine as well as in a host that plays two.

say()
{
	printf '%3d:%02d  %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*" >&2
}

die()
{
	echo "bench: $*" >&2
	exit 1
}

other()
{
	[[ $1 == a ]] && echo b || echo a
}
