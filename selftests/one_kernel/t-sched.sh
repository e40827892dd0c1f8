#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Threads are scheduled as before: policies, priorities, processors, I/O priorities.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 6
must "threads that are scheduled in many ways start" start a sched sched
from=a to=b
for ((i = 1; i <= 4; i++)); do
	hop()
	{
		migrate "$PID" $from $to && lives_on sched $to
	}
	must "hop $i, $from to $to" hop
	t=$from from=$to to=$t
done
must "they are scheduled as they were" finish sched 4
done_testing
