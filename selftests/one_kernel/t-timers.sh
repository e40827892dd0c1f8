#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Timers and clocks of used time go on: no expiry is lost, early or doubled, ids stay,
# and nothing that was used is forgotten.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 10
must "a process with timers starts" start a timers timers
hops timers 8
must "every expiry is accounted for" finish timers 8
done_testing
