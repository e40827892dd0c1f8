#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Attributes of process and threads stay: prctl, membarrier, oom_score_adj, …
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 6
must "a process with attributes starts" start a attrs attrs
from=a to=b
for ((i = 1; i <= 4; i++)); do
	hop()
	{
		migrate "$PID" $from $to && lives_on attrs $to
	}
	must "hop $i, $from to $to" hop
	t=$from from=$to to=$t
done
must "its attributes are as they were" finish attrs 4
done_testing
