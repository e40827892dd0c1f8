#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A hundred thousand descriptors, with gaps between their numbers.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 5
must "a process with very many descriptors starts" start a many many 100000 9
must "it moves to b" migrate "$PID" a b
must "it lives on b" lives_on many b
must "it moves back" migrate "$PID" b a
must "each has its number" finish many 2
done_testing
