# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# Signals before, during and after the move arrive once each, in order. The link
# is slow, so that there is time to send some while the process is parked.

TOOLS=/usr/local/lib/tern/selftests/tools

# What is sent after the commit comes to a process that ends, and may be lost. On a
# busy machine that is soon reached: then once more, with more time.
for delay in 1500 3000 4500; do
	name=signals-$delay
	start a "$name" signals 60 8
	thread=$(on a "ls /proc/$PID/task | tail -n 1")
	on a "$TOOLS/sigq $PID 1 15; kill -USR1 $PID"
	lab netem a delay ${delay}ms
	migrate_begin "$PID" a b
	guest a undecided "$PID" "$TOOLS/sigq $PID 16 45 && kill -USR1 $PID &&
		kill -USR1 $PID && $TOOLS/sigq -t $PID $thread 3"
	sent=$?
	migrate_end || fail "$(cat migrate.err migrate.json)"
	lab netem a off
	((sent == 3)) || break
	note "it had been committed by the time when all signals were sent, in $delay ms"
done
((sent == 0)) || fail "no signals could be sent while it was parked"
on b "$TOOLS/sigq $PID 46 60; kill -USR1 $PID"
finish "$name" b
hops 1
[[ $(said thread) == 3 ]] || fail "$(said thread) of 3 signals to a thread"
