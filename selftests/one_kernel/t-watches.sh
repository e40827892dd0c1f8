#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# inotify instances, with gaps in the numbers of their watches.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 7
must "each host has some files" own "touch file other waiting"
must "a process that watches files starts" start a watches watches 2 "$WORK/own"
there_and_back watches
must "every watch has reported what it should" finish watches 2
done_testing
