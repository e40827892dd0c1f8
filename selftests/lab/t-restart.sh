# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# While pages are missing the daemons are killed and started again, first the
# source's, then the destination's: faults wait and go on, every byte right.

MODE=--mode=lazy
start a heap heap 64 5
lab netem a rate 20mbit
migrate_begin "$PID" a b
wait_state b "$PID" paging

daemon_kill a
[[ $(state b "$PID") == paging ]] || fail "too fast: $(state b "$PID") already"
sleep 2
daemon_start a
guest b beating "$SHARED/heap" "$LONG" || fail "does not go on after the source's daemon is back"

daemon_kill b
[[ $(where "$PID") == b ]] || fail "is on '$(where "$PID")'"
sleep 2
daemon_start b
state b "$PID" >now
note "$(cat now) when both were back"
lab netem a off
wait_state b "$PID" independent
migrate_end
lives_on "$PID" b
finish heap b
hops 1
