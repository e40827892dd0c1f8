#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# eventfd, signalfd, timerfd, and threads that read them: what they hold moves.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 6
must "a process with descriptors of events starts" start a events events 2
must "it moves to b" migrate "$PID" a b
must "it lives on b" lives_on events b
must "it moves back, not prepared" tern b migrate "$PID" a --no-prepare --json
must "it lives on a" lives_on events a
must "counts, masks and ticks are right" finish events 2
done_testing
