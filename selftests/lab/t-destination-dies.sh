# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# The destination's daemon is killed: before anything, while the blast is on its
# way, and after it. The process must run on exactly one host.

MODE=--mode=lazy
start a heap heap 16 5

# not there at all
daemon_kill b
on a "tern migrate $PID b" >out 2>&1 && fail "moved to nobody"
note "$(tail -n 1 out)"
lives_on "$PID" a
daemon_start b

# while it prepares
lab netem a delay 1500ms
migrate_begin "$PID" a b
wait_state a "$PID" requested parking parked
daemon_kill b
lab netem a off
migrate_end && fail "moved to a daemon that was killed"
lives_on "$PID" a
daemon_start b

# blast on its way: in doubt until the daemon is back and knows of nothing
lab netem a delay 1500ms
migrate_begin "$PID" a b
wait_state a "$PID" "in doubt" committed independent
daemon_kill b
lab netem a off
note "$(state a "$PID") when the daemon was killed"
daemon_start b
migrate_end
result=$?
if ((result)); then
	lives_on "$PID" a
	home=a
else
	lives_on "$PID" b
	home=b
fi
finish heap $home
