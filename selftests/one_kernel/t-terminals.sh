#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Pseudo-terminals, with who has them and what is under way in them.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# Whatever fails, what was looked at is there still.
fails()
{
	"$HERE/../tools/arm" "$1" && ! migrate terminals a b && pod_on terminals a
}

[[ -e /sys/fs/cgroup/cgroup.procs ]] || skip "needs cgroup version 2 at /sys/fs/cgroup"
plan 9
must "a process with terminals starts" run_pod a terminals terminals 4
for fault in capture sent load; do
	must "after a failure ($fault) it is here" fails $fault
done
must "it moves to b" hop_pod terminals a b
must "it moves back, not prepared" hop_pod terminals b a --no-prepare
must "it moves to b, not prepared" hop_pod terminals a b --no-prepare
must "it moves back" hop_pod terminals b a
must "they are what they were" finish terminals 4
done_testing
