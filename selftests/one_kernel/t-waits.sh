#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Who waits in a call that signals end goes on waiting, where it moves to, and where it stays.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

goes()
{
	migrate "$PID" "$1" "$2" && lives_on waits "$2"
}

stays()
{
	"$HERE/../tools/arm" "$1" && ! migrate "$PID" a b >"$WORK/said" 2>&1 &&
		grep "could not be let go" "$WORK/said" && lives_on waits a
}

plan 5
must "a process waits" start a waits waits.py
must "it goes on after a failure" stays resume
must "it moves to b" goes a b
must "it moves back" goes b a
must "all has come that it has waited for" finish waits 2
done_testing
