#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Nothing that is sent to a pod is lost while it moves, nor does it come twice: neighbour c
# sends it numbered datagrams all the time, of both versions of IP, and it sends them back.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=segment.sh
. "$HERE/segment.sh"

PORT=5151
next=0	# number of the next datagram

# what is said of those that have not come back
NONE='lost=0'
ANY='lost=[0-9]*'

# flows BACK COMMAND…: they do while it runs. Then all have come, once, and have come BACK.
flows()
{
	local back=$1 rc sender

	shift
	rm -f "$WORK/flow-stop"
	in_host c "$HERE/../tools/numbers" "$WORK/flow-stop" $PORT "$V4" "$V6" "$next" \
		>"$WORK/flow" 2>&1 &
	sender=$!
	"$@"
	rc=$?
	touch "$WORK/flow-stop"
	wait $sender
	cat "$WORK/flow"
	((rc == 0)) && none_lost "$back"
}

none_lost()
{
	local was=$next

	next=$(sed -n 's/^next=\([0-9]*\) '"$1"'$/\1/p' "$WORK/flow") && [[ -n $next ]] || return 1
	((next > was)) || return 1
	all_counted()
	{
		[[ $(readlink "$WORK/web/counted") == "v4=$next v6=$next twice=0" ]]
	}
	wait_until "$LONG" all_counted || {
		readlink "$WORK"/web/{counted,verdict}
		return 1
	}
}

# moves FROM TO OPTION…
moves()
{
	hop_pod web "$@" && none_on "$1" && behind "seg$2"
}

there_and_back()
{
	moves a b && moves b a && moves a b && moves b a --no-prepare
}

# What is prepared holds nothing back, however long.
prepared()
{
	tern a prepare web b && sleep 2 && forget a && pod_on web a && none_on b
}

fails()
{
	"$HERE/../tools/arm" "$1" && ! migrate web a b && pod_on web a && none_on b
}

# a's daemon dies while it is in doubt, and b's has never got the blast; a's heir learns that.
doubt()
{
	local pid

	pid=$(pgrep -f "^[^ ]*ternd --config $WORK/b/") &&
		tern a prepare web b && delay a 0.7 && tern a migrate web b --no-wait &&
		wait_until 20 in_doubt && kill -KILL "$pid" && daemon_kill a && delay a off &&
		daemon_start a && in_doubt && daemon_start b && pod_on web a && none_on b
}

# It dies while all is prepared.
killed()
{
	tern a prepare web b && daemon_kill a && pod_on web a && daemon_start a && none_on b
}

# slowly FROM TO: it has moved, and its pages come slowly; the source's daemon dies, and
# nothing of the pod is left there in the end
slowly()
{
	slow "$1" 1mbit && tern "$1" migrate web "$2" --mode=lazy --no-wait || return 1
	paging()
	{
		tern "$1" status | grep paging >"$WORK/said"
	}
	wait_until "$LONG" paging "$2" && daemon_kill "$1" && daemon_start "$1" && slow "$1" off &&
		pod_on web "$2" && none_on "$1"
}

# An interface that the hold cannot have: it does not move, and says why.
taken()
{
	inside b ip link add link eth0 name lower0 type macvlan || return 1
	! migrate web b a >"$WORK/said" 2>&1 && cat "$WORK/said" &&
		inside b ip link del lower0 && pod_on web b && none_on a
}

[[ -e /sys/fs/cgroup/cgroup.procs ]] || skip "needs cgroup version 2 at /sys/fs/cgroup"
modprobe -q bridge
plan 18
must "there is a segment" segment
must "the daemons know their bridges" daemons_with "bridge = br0"
POD_OPTIONS=("${NET[@]}")
must "a pod starts" run_pod a web counts $PORT
must "it is reachable" reachable
must "all that is sent to it comes, while it stays" flows $NONE sleep 1
must "and while it moves to b and back, twice" flows $NONE there_and_back
must "and while it is prepared" flows $NONE prepared
for fault in park_save capture sent shell become load resume; do
	must "and when it fails ($fault)" flows $NONE fails $fault
done
must "and when its daemon dies before it has moved" flows $NONE killed
# so many at once that not all answers find room, for it has to ask for c's address first
must "and when it is in doubt, and daemons die" flows "$ANY" doubt
must "nothing is left when the source's daemon dies behind it" slowly a b
must "a device on top of its interface is a reason to stay" taken
done_testing
