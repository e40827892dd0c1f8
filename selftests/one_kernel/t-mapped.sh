#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Files without a name that are mapped, too: one file afterwards, as before.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 12
must "there are huge pages" huge 5
must "a process with files that are open and mapped starts" start a mapped mapped 4 "$WORK"
must "one is in huge pages" test ! -L "$WORK/mapped/huge"
there_and_back mapped
must "it moves to b, not prepared" migrate "$PID" a b --no-prepare
must "it lives on b" lives_on mapped b
must "it moves back once more" migrate "$PID" b a
must "all is what it was" finish mapped 4
must "no huge pages are left" huge 0
done_testing
