#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# epoll instances in all their ways.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 6
must "a process with instances of epoll starts" start a epolls epolls 2
there_and_back epolls
must "every event comes, and once" finish epolls 2
done_testing
