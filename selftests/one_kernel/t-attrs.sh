#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Attributes of process and threads stay: prctl, membarrier, oom_score_adj, …
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 6
must "a process with attributes starts" start a attrs attrs
hops attrs 4
must "its attributes are as they were" finish attrs 4
done_testing
