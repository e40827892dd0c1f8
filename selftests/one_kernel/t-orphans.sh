#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Processes in sessions and process groups whose leaders have ended.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# What uses their numbers is gone when a move has failed, and they can move.
fails()
{
	"$HERE/../tools/arm" "$1" && ! migrate "$PID" a b && lives_on orphans a
}

plan 10
must "processes without leaders start" start a orphans orphans 4
must "a failure (sent) leaves them here" fails sent
must "a failure (resume) leaves them here" fails resume
must "they move to b" hop orphans a b
must "they are where they were" verified orphans 1
must "they move back, not prepared" migrate "$PID" b a --no-prepare
must "they are where they were" verified orphans 2
must "they move to b" hop orphans a b
must "they move back" hop orphans b a
must "they are where they were" finish orphans 4
done_testing
