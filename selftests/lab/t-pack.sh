# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# Packed pages are the pages they were, whatever is in them and however often the
# link is lost; and a slow link carries few bytes for pages that repeat each other.

# daemon_packs HOST WORD: start its daemon with this in its configuration.
daemon_packs()
{
	on "$1" "
		ternd-ctl stop
		{ cat /etc/tern/ternd.conf; echo 'pack = $2'; } >/run/pack.conf
		TERND_CONF=/run/pack.conf ternd-ctl start" || fail "ternd of $1 does not start"
}

put_back()
{
	for host in a b; do
		on "$host" 'ternd-ctl stop; ternd-ctl start'
	done
}

# figure KEY: of the last move.
figure()
{
	sed -n "s/.*\"$1\": *\\([0-9]*\\).*/\\1/p" migrate.json | tail -n 1
}

# fewer FACTOR: bytes on the wire than pages, so many times.
fewer()
{
	note "$(figure pages_moved) pages, $(figure bytes) bytes on the wire"
	(($(figure bytes) * $1 < $(figure pages_moved) * 4096)) ||
		fail "$(figure bytes) bytes for $(figure pages_moved) pages"
}

MODE=--mode=lazy
trap put_back EXIT
daemon_packs a always
daemon_packs b always

# pages of all kinds, there and back, while they are being changed
start a python python.py
migrate "$PID" a b
on a 'grep -q "were packed into" /var/log/ternd.log' || fail "nothing was packed"
lives_on "$PID" b
migrate "$PID" b a
lives_on "$PID" a
finish python a
hops 2

# a new stream when the link is made again
start a heap heap 16 5
lab netem a rate 20mbit
migrate_begin "$PID" a b
wait_state b "$PID" paging
lab link b down
sleep 8
[[ $(state b "$PID") == paging ]] || fail "without its source it is \"$(state b "$PID")\""
lab link b up
migrate_end || fail "$(cat migrate.err migrate.json)"
lab netem a off
lives_on "$PID" b
finish heap b

start a copies copies.py 32
lab netem a rate 20mbit
migrate "$PID" a b
fewer 8
lives_on "$PID" b
finish copies b
hops 1

# left to itself, the flush finds out that packing is quicker: so late, when the machine
# is busy with other things, that only a part is packed
put_back
start a copies copies.py 32
migrate "$PID" a b
lab netem a off
fewer 1
lives_on "$PID" b
finish copies b
hops 1
