#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Timers and clocks of used time go on: no expiry is lost, early or doubled, ids stay,
# and nothing that was used is forgotten.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 10
must "a process with timers starts" start a timers timers
from=a to=b
for ((i = 1; i <= 8; i++)); do
	hop()
	{
		migrate "$PID" $from $to && lives_on timers $to
	}
	must "hop $i, $from to $to" hop
	t=$from from=$to to=$t
done
must "every expiry is accounted for" finish timers 8
done_testing
