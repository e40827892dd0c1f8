#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Threads wait for one another while they are moved: PI and robust futexes, and more.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 8
must "threads that wait for one another start" start a futexes futexes
hops futexes 6
must "each found what it waited for" finish futexes 6
done_testing
