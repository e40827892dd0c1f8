#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# epoll instances in all their ways.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 6
must "a process with instances of epoll starts" start a epolls epolls 2
must "it moves to b" migrate "$PID" a b
must "it lives on b" lives_on epolls b
must "it moves back, not prepared" tern b migrate "$PID" a --no-prepare --json
must "it lives on a" lives_on epolls a
must "every event comes, and once" finish epolls 2
done_testing
