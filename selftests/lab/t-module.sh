# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# The module stays while a migration needs it, even without any daemon.

MODE=--mode=lazy
start a heap heap 32 5
lab netem a rate 20mbit
migrate_begin "$PID" a b
wait_state b "$PID" paging
for host in a b; do
	on $host "rmmod tern" >/dev/null 2>&1 && fail "unloaded on $host under a live migration"
	daemon_kill $host
	on $host "rmmod tern" >/dev/null 2>&1 && fail "unloaded on $host without its daemon"
done
for host in b a; do
	daemon_start $host
done
lab netem a off
wait_state b "$PID" independent
migrate_end
finish heap b
# and goes, when nothing needs it
for host in a b; do
	on $host "ternd-ctl stop && ternd-ctl unload && ternd-ctl load && ternd-ctl start" ||
		fail "cannot unload the module on $host although nothing needs it"
done
