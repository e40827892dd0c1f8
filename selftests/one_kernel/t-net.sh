#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A pod with an interface has its address wherever it is, and there alone.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=segment.sh
. "$HERE/segment.sh"

# moves FROM TO OPTION…: nobody talks to it meanwhile, and c learns all the same
moves()
{
	hop_pod web "$@" && behind "seg$2" && reachable && known && none_on "$1" &&
		behind "seg$2"
}

looks()
{
	inside "$1" ip -o addr show dev eth0
	inside "$1" ip route
	inside "$1" ip -6 route
}

same_look()
{
	diff <(sed 's/eth0@if[0-9]*/eth0/; s/^[0-9]*: //' "$WORK/look") \
		<(looks "$1" | sed 's/eth0@if[0-9]*/eth0/; s/^[0-9]*: //')
}

changes()
{
	inside a ip address add 10.98.0.6/24 dev eth0 &&
		inside a ip address add fd98::6/64 dev eth0 nodad &&
		inside a ip route add 10.97.0.0/16 via 10.98.0.9 metric 7 src 10.98.0.6 &&
		inside a ip route add fd97::/16 via fd98::9 &&
		inside a ip route add 10.96.0.0/16 dev eth0 &&
		inside a ip link set eth0 mtu 1400 && looks a >"$WORK/look"
}

# What changes behind the preparation counts, too.
late()
{
	tern a prepare web b && inside a ip address add 10.98.0.8/24 dev eth0 &&
		moves a b && answers 10.98.0.8 && looks b >"$WORK/look"
}

# refused REASON FROM TO: it does not move, for that reason
refused()
{
	! migrate web "$2" "$3" >"$WORK/said" 2>&1 && cat "$WORK/said" &&
		grep -F "$1" "$WORK/said" && pod_on web "$2" && reachable && none_on "$3"
}

lifetime()
{
	inside b ip address add 10.98.0.7/24 dev eth0 valid_lft 1000 preferred_lft 1000 &&
		refused "has a lifetime" b a && inside b ip address del 10.98.0.7/24 dev eth0
}

policy()
{
	inside b ip route add 10.95.0.0/16 dev eth0 table 99 &&
		refused "is not of a kind that moves" b a && inside b ip route flush table 99
}

other()
{
	inside b ip link add eth1 type dummy && refused "has an interface, eth1" b a &&
		inside b ip link del eth1
}

fails()
{
	"$HERE/../tools/arm" "$1" && ! migrate web a b && pod_on web a && reachable && known &&
		none_on b
}

# daemon_config [LINE…]: that of a, with these lines
daemon_config()
{
	daemon a stop && config a 10.99.0.1 b 10.99.0.2 "$@" && daemon_start a
}

# The bridge goes when all is prepared, and comes back.
bridge_goes()
{
	tern a prepare web b && on b "ip link del br0" && ! migrate web a b && pod_on web a &&
		reachable && none_on b && grep -F 'no bridge "br0" on b' "$WORK/b/log" &&
		on b "ip link add br0 type bridge && ip link set br0 up && ip link set seg master br0"
}

# left: a's pod says nothing any more, for the blast is about to leave. Not more often asked
# than can be.
left()
{
	local stop=$((SECONDS + LONG))

	until [[ $(inside a tc qdisc show dev eth0) == *blackhole* ]]; do
		((SECONDS < stop)) || return 1
	done
}

# The blast has left, and is not there: the address is nowhere. Both daemons die.
doubt()
{
	local pid

	pid=$(pgrep -f "^[^ ]*ternd --config $WORK/b/") &&
		tern a prepare web b && delay a 0.7 && tern a migrate web b --no-wait &&
		left && kill -KILL "$pid" && in_doubt && daemon_kill a &&
		delay a off && ! answers $V4 && daemon_start a && in_doubt && ! answers $V4 &&
		daemon_start b && pod_on web a && reachable && known && none_on b
}

# says REASON ARGUMENT…: "tern run" with these does not start anything
says()
{
	! tern a run --cgroup "$(pods a)" --name bad --detach "${@:2}" true >"$WORK/said" 2>&1 &&
		cat "$WORK/said" && grep -F -- "$1" "$WORK/said" && [[ ! -e $(pods a)/bad ]]
}

bad_input()
{
	says "no prefix length" --net 10.0.0.1 && says "is no address" --net nonsense/24 &&
		says "is no address" --net 127.0.0.1/8 && says "use 1 to 32" --net 10.0.0.1/33 &&
		says "given twice" --net fd00::1/64,fd00::1/64 &&
		says "up to 4 IPv4" --net 10.0.0.1/8,10.0.0.2/8,10.0.0.3/8 --net 10.0.0.4/8,10.0.0.5/8 &&
		says "in no network" --net 10.0.0.1/24 --gateway 10.0.1.1 &&
		says "would be the second" --net 10.0.0.1/24 --gateway 10.0.0.2 --gateway 10.0.0.3 &&
		says "go with --net only" --gateway 10.0.0.2 &&
		says "no name of a bridge" --net 10.0.0.1/24 --bridge "a b" &&
		says "there is no bridge \"none\"" --net 10.0.0.1/24 --bridge none &&
		says "there is no bridge \"seg\"" --net 10.0.0.1/24 --bridge seg &&
		none_on a
}

# The daemon dies when the pod runs already, and before it has put it on the bridge; the
# next one does.
heir()
{
	POD_OPTIONS=(--bridge br0 --net 10.98.0.20/24)
	run_pod a big heap 64 5 && slow a 5mbit &&
		tern a migrate big b --mode=lazy --no-wait || return 1
	paging()
	{
		tern b status | grep paging >"$WORK/said"
	}
	wait_until "$LONG" paging && daemon_kill b && wait_until "$LONG" answers 10.98.0.20 &&
		in_host b ip link set "$(ends b | sed 's/@.*//')" nomaster &&
		! answers 10.98.0.20 && daemon_start b && wait_until 10 answers 10.98.0.20 &&
		paging && slow a off && pod_on big b && none_on a && finish big 1 && none_on b
}

killed()
{
	kill -KILL "$(head -n 1 "$(pods a)/web/cgroup.procs")"
	none_on a
}

# "tern run" is killed as early or late as may be; what it has started ends
run_killed()
{
	local i

	for i in 0.02 0.05 0.1 0.2 0.4 0.8; do
		timeout -s KILL $i nsenter --target "${INIT[a]}" --mount --uts --ipc --net --pid \
			--time -- "$TERN" run --cgroup "$(pods a)" --name early$i "${NET[@]}" \
			sleep 1000 </dev/null
	done
	none_on a
}

[[ -e /sys/fs/cgroup/cgroup.procs ]] || skip "needs cgroup version 2 at /sys/fs/cgroup"
modprobe -q bridge
plan 36
must "there is a segment" segment
must "the daemons know their bridges" daemons_with "bridge = br0"
must "what makes no sense is refused" bad_input
POD_OPTIONS=("${NET[@]}")
must "a pod starts" run_pod a web hop 4
must "it is on the segment, and was announced" behind sega
must "it is reachable" reachable
must "its neighbours know it" known
looks a >"$WORK/look"
must "it moves to b" moves a b
must "it is what it was" same_look b
must "it moves back, not prepared" moves b a --no-prepare
must "it is what it was" same_look a
must "its interface is changed" changes
must "it moves to b" moves a b
must "it is what it was" same_look b
must "an address with a lifetime does not move" lifetime
must "nor does a route of another table" policy
must "nor does another interface" other
must "a host without a bridge" daemon_config
must "is refused" refused "no bridge is configured on a" b a
must "a host whose bridge is not there" daemon_config "bridge = none"
must "is refused" refused 'no bridge "none" on a' b a
must "its bridge comes" daemon_config "bridge = br0"
must "it moves back" moves b a
for fault in park_save sent shell load resume; do
	must "after a failure ($fault) it is here" fails $fault
done
must "a bridge that goes is noticed" bridge_goes
must "when it is in doubt it is nowhere, and here again" doubt
must "it is changed when it is prepared, and moves to b" late
must "it moves back" moves b a
must "it is what it was" same_look a
must "nothing is left when it is killed" killed
must "nor when tern run is" run_killed
must "what a daemon has left undone its heir does" heir
done_testing
