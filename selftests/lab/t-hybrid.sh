# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# Pages are sent while the process still runs and writes to them, or moves them about;
# where that is interrupted it runs on.

MODE=--mode=hybrid

# number NAME: a figure of the last migration
number()
{
	python3 -c 'import json, sys; print(json.load(open("migrate.json"))[sys.argv[1]])' "$1"
}

# It begins to move over a slow link, and sends pages ahead by now.
sends_ahead()
{
	lab netem a rate 20mbit
	migrate_begin "$PID" a b
	wait_state a "$PID" requested
	sleep 4
	[[ $(state a "$PID") == requested ]] || fail "too fast: $(state a "$PID") already"
}

stays()
{
	lab netem a off
	migrate_end && fail "it has moved"
	lives_on "$PID" a
}

start a python python.py
migrate "$PID" a b
lives_on "$PID" b
(($(number pages_before) > 500)) || fail "only $(number pages_before) pages were sent ahead"
migrate "$PID" b a
lives_on "$PID" a
finish python a
hops 2

start a heap heap 64 5
sends_ahead
id=$(on a "tern status --json" | python3 -c 'import json, sys
print([m["id"] for m in json.load(sys.stdin) if m["state"] == "requested"][0])')
on a "tern abort $id" >/dev/null || fail "cannot be aborted"
stays
sends_ahead
daemon_kill b
stays
daemon_start b
sends_ahead
lab link b down
sleep 1
lab link b up
migrate_end || note "$(tail -n 1 migrate.err)"
lab netem a off
home=$(where "$PID")
[[ $home == b ]] || migrate "$PID" a b
lives_on "$PID" b
note "$(number pages_before) of $(number pages_total) pages were sent ahead, $(number faults) faults"
MODE=--mode=auto
migrate "$PID" b a
lives_on "$PID" a
finish heap a

# memory that changes places, which soft-dirty bits do not tell
MODE=--mode=hybrid
start a swap swap.py
for _ in 1 2 3; do
	migrate "$PID" a b
	lives_on "$PID" b
	migrate "$PID" b a
	lives_on "$PID" a
done
finish swap a
hops 6
