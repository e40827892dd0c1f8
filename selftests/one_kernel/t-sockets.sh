#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Pairs of unix sockets, of a process that is not root's.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 6
chmod 711 "$WORK"
must "a process with pairs of sockets starts" start a sockets sockets 2
there_and_back sockets
must "every message is there, and as it was sent" finish sockets 2
done_testing
