# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# Prepared, a process runs on where it is, changes as it likes, and moves later;
# or it is forgotten; or it ends. Never is anything of it left behind.

gone()
{
	for ((i = 0; i < 100; i++)); do
		on "$1" "test ! -e /proc/$2" && return 0
		sleep 0.2
	done
	return 1
}

start a hop hop 8
on a "tern prepare $PID b --json" >prepared.json || fail "cannot be prepared"
[[ $(state a "$PID") == prepared ]] || fail "is $(state a "$PID") and not prepared"
guest a beating "$SHARED/hop" "$LONG" || fail "does nothing while it is prepared"
on b "test -d /proc/$PID" || fail "no shell waits on b"
! on a "tern prepare $PID b" 2>again || fail "prepared twice"
grep -q "moved already" again || fail "twice: $(cat again)"
id=$(sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p' prepared.json)
sleep 2
migrate "$PID" a b
grep -q "\"id\": *\"$id\"" migrate.json || fail "moved by another migration than $id"
lives_on "$PID" b

# forgotten
on b "tern prepare $PID a" >/dev/null || fail "cannot be prepared on b"
id=$(on b "tern status --json" | python3 -c 'import json, sys
print([m["id"] for m in json.load(sys.stdin) if m["state"] == "prepared"][0])')
on b "tern abort $id" >/dev/null || fail "cannot be forgotten"
wait_state b "$PID" failed
gone a "$PID" || fail "its shell is still on a"
migrate "$PID" b a
lives_on "$PID" a

# without a preparation
on a "tern migrate $PID b --no-prepare --json" >cold.json || fail "does not move cold"
lives_on "$PID" b
finish hop b
hops 3

# a shell of its own is not left when the process ends
start a heap heap 4 1
on a "tern prepare $PID b" >/dev/null || fail "heap cannot be prepared"
on a "kill -KILL $PID"
wait_state a "$PID" failed
gone b "$PID" || fail "its shell is still on b"
