# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# Signals before, during and after the move arrive once each, in order. The link
# is slow, so that there is time to send some while the process is parked.

TOOLS=/usr/local/lib/tern/selftests/tools

start a signals signals 60 8
thread=$(on a "ls /proc/$PID/task | tail -n 1")
on a "$TOOLS/sigq $PID 1 15; kill -USR1 $PID"
lab netem a delay 1500ms
migrate_begin "$PID" a b
wait_state a "$PID" "parked" "in doubt"
# the leader still exists at the source, and takes them
on a "$TOOLS/sigq $PID 16 45; kill -USR1 $PID; kill -USR1 $PID; $TOOLS/sigq -t $PID $thread 3" ||
	note "it was gone already"
migrate_end || fail "$(cat migrate.err migrate.json)"
lab netem a off
on b "$TOOLS/sigq $PID 46 60; kill -USR1 $PID"
finish signals b
hops 1
[[ $(said thread) == 3 ]] || fail "$(said thread) of 3 signals to a thread"
