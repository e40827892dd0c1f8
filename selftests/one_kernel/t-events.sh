#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# eventfd, signalfd, timerfd, and threads that read them: what they hold moves.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 6
must "a process with descriptors of events starts" start a events events 2
there_and_back events
must "counts, masks and ticks are right" finish events 2
done_testing
