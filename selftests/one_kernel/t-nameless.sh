#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Files without a name move, with what is in them.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

plan 14
must "there are huge pages" huge 6
must "each host has a directory" own "true"
must "a process with files without a name starts" start a nameless nameless 4 "$WORK/own" 2
must "some of them have huge pages" test ! -L "$WORK/nameless/huge"
# the memfd finds them on the other host, too, and the file that was deleted does not
there_and_back nameless
must "some are in huge pages still" huge_free 4
must "it moves to b, not prepared" migrate "$PID" a b --no-prepare
must "it lives on b" lives_on nameless b
must "it moves back once more" migrate "$PID" b a
must "all is what it was" finish nameless 4
must "no huge pages are left" huge 0
done_testing
