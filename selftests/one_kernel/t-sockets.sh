#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Pairs of unix sockets, of a process that is not root's.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"


plan 6
chmod 711 "$WORK"
must "a process with pairs of sockets starts" start a sockets sockets 2
must "it moves to b" migrate "$PID" a b
must "it lives on b" lives_on sockets b
must "it moves back, not prepared" tern b migrate "$PID" a --no-prepare --json
must "it lives on a" lives_on sockets a
must "every message is there, and as it was sent" finish sockets 2
done_testing
