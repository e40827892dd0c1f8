#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Unix sockets between processes of a tree.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 10
chmod 711 "$WORK"
must "processes with sockets between them start" start a mates mates 4
must "they move to b" hop mates a b
must "every message is there, and from whom it was" verified mates 1
must "they move back, not prepared" hop mates b a --no-prepare
must "every message is there" verified mates 2
there_and_back mates
must "every message is there" finish mates 4
done_testing
