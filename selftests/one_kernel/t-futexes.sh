#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Threads wait for one another while they are moved: PI and robust futexes, and more.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 8
must "threads that wait for one another start" start a futexes futexes
from=a to=b
for ((i = 1; i <= 6; i++)); do
	hop()
	{
		migrate "$PID" $from $to && lives_on futexes $to
	}
	must "hop $i, $from to $to" hop
	t=$from from=$to to=$t
done
must "each found what it waited for" finish futexes 6
done_testing
