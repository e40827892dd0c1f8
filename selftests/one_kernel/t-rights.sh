#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Descriptors under way in the queues of unix sockets (SCM_RIGHTS), within a process and
# from one to its child.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 10
chmod 711 "$WORK"
must "a process to which descriptors are under way starts" start a rights rights 4
must "it moves to b with its child" hop rights a b
must "all of them can be received, and are what they were" verified rights 1
must "they move back, not prepared" hop rights b a --no-prepare
must "all of them can be received" verified rights 2
there_and_back rights
must "all of them can be received" finish rights 4
done_testing
