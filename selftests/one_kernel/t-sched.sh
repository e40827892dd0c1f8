#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Threads are scheduled as before: policies, priorities, processors, I/O priorities.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 6
must "threads that are scheduled in many ways start" start a sched sched
hops sched 4
must "they are scheduled as they were" finish sched 4
done_testing
