# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# The source's daemon is killed: before the blast, when the process runs on, and
# in doubt, when the next daemon finds out where it runs.

MODE=--mode=lazy
start a heap heap 16 5

lab netem a delay 1500ms
migrate_begin "$PID" a b
wait_state a "$PID" requested
sleep 2
daemon_kill a
lab netem a off
migrate_end
guest a beating "$SHARED/heap" "$LONG" || fail "does nothing after its daemon was killed"
[[ $(where "$PID") == a ]] || fail "is on '$(where "$PID")'"
daemon_start a
# a request that was not taken up before is taken up now
sleep 5
home=$(where "$PID")
[[ $home == [ab] ]] || fail "is on '$home'"
if [[ $home == b ]]; then
	wait_state a "$PID" independent
	migrate "$PID" b a
fi
lives_on "$PID" a

lab netem a delay 2500ms
migrate_begin "$PID" a b
wait_state a "$PID" "in doubt" committed
daemon_kill a
lab netem a off
daemon_start a
migrate_end
wait_state a "$PID" independent failed
home=$(where "$PID")
note "in doubt, and then on $home"
lives_on "$PID" "$home"
finish heap "$home"
