# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# The link is cut before the blast (the process runs on at once), with the blast
# on its way (in doubt until the link is back), and for ten seconds while pages
# are missing (the process waits, and goes on).

MODE=--mode=lazy
start a heap heap 32 5

lab link b down
on a "timeout 60 tern migrate $PID b" >out 2>&1 && fail "moved without a link"
note "$(tail -n 1 out)"
lives_on "$PID" a
lab link b up
wait_state a "$PID" failed

# with its neighbour unknown a would ask for it first, as slowly: too long for connect
on a "until ping -c 1 -W 2 b >/dev/null; do :; done"
lab netem a delay 2s
migrate_begin "$PID" a b
wait_state a "$PID" "in doubt" committed
lab link b down
note "$(state a "$PID") when the link was cut"
sleep 5
note "$(state a "$PID") five seconds later"
lab netem a off
lab link b up
migrate_end
wait_state a "$PID" independent failed
home=$(where "$PID")
note "then on $home"
lives_on "$PID" "$home"

if [[ $home == b ]]; then
	migrate "$PID" b a
fi
# a minute for all pages: they must be missing still when the link is cut
lab netem a rate 4mbit
migrate_begin "$PID" a b
wait_state b "$PID" paging
lab link b down
sleep 10
[[ $(state b "$PID") == paging ]] || fail "without its source it is \"$(state b "$PID")\""
lab link b up
lab netem a off
migrate_end || fail "$(cat migrate.err migrate.json)"
lives_on "$PID" b
finish heap b
