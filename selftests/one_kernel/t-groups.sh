#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A pod in multicast groups moves. It hears what it has heard before, on a segment whose bridge
# lets nothing pass but to those who say that they are in a group; and others hear it.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=segment.sh
. "$(dirname "$0")/segment.sh"

SOURCE=10.98.0.9
OTHER=10.98.0.8
ADDRESSES=(239.7.0.1 ff15::7 232.7.0.2 239.7.0.3)

# Sends numbers to each group, to those of which the pod chooses whom it hears from two addresses,
# and notes the last one that comes to those of the pod.
TALKER='import os, socket, struct, sys, time
work, other = sys.argv[1:3]
index = socket.if_nametoindex("br0")
four, six = (socket.socket(f, socket.SOCK_DGRAM) for f in (socket.AF_INET, socket.AF_INET6))
six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
for s in (four, six):
    s.setblocking(False)
    s.bind(("", 7200))
mreqn = struct.pack("=4s4sI", b"", b"", index)
four.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, mreqn)
six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
four.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                struct.pack("=4s4sI", socket.inet_aton("239.7.0.9"), b"", index))
six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
               socket.inet_pton(socket.AF_INET6, "ff15::9") + struct.pack("=I", index))
for s, option in ((four, socket.IP_MULTICAST_LOOP), (six, socket.IPV6_MULTICAST_LOOP)):
    s.setsockopt(socket.IPPROTO_IP if s is four else socket.IPPROTO_IPV6, option, 0)
two = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
two.bind((other, 0))
two.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, mreqn)
n = 0
while not os.path.exists(work + "/end"):
    n += 1
    for group in sys.argv[3:]:
        (six if ":" in group else four).sendto(b"%d" % n, (group, 7200))
    for group in sys.argv[5:]:
        two.sendto(b"%d" % n, (group, 7200))
    for s, name in ((four, "four"), (six, "six")):
        try:
            last = s.recv(100)
        except BlockingIOError:
            continue
        open(work + "/" + name, "wb").write(last)
    time.sleep(.01)'

# c asks who is in which group, and its bridge lets nothing pass to others
talks()
{
	mkdir "$WORK/talker"
	on c "ip link set br0 type bridge mcast_snooping 1 mcast_querier 1 &&
		echo 200 >/sys/class/net/br0/bridge/multicast_startup_query_interval"
	on c "ip address add $OTHER/24 dev br0" || return 1
	on c "setsid python3 -c '$TALKER' $WORK/talker $OTHER ${ADDRESSES[*]} </dev/null >$WORK/talker/out 2>&1 &"
}

# heard: how many of each group
heard()
{
	local group got=()

	for group in $(readlink "$WORK/web/heard"); do
		got+=("${group%%/*}")
	done
	echo "${got[*]}"
}

# hears: all groups; and c hears it
hears()
{
	local before now

	read -ra before <<<"$(heard)"
	rm -f "$WORK/talker/four" "$WORK/talker/six"
	more()
	{
		read -ra now <<<"$(heard)"
		((now[0] > before[0] + 5 && now[1] > before[1] + 5 && now[2] > before[2] + 5 &&
			now[3] > before[3] + 5)) && [[ -s $WORK/talker/four && -s $WORK/talker/six ]]
	}
	wait_until "$LONG" more || {
		echo "${before[*]}, now ${now[*]}: $(readlink "$WORK/web/verdict") $(cat "$WORK/talker/out")"
		ls "$WORK/talker"
		return 1
	}
}

# reported PORT: the bridge of c has been told that it is there now
reported()
{
	is()
	{
		on c "bridge mdb show dev br0" >"$WORK/mdb"
		grep -q "port $1 grp 239.7.0.1 " "$WORK/mdb" && grep -q "port $1 grp ff15::7 " "$WORK/mdb"
	}
	wait_until "$LONG" is "$1" || {
		cat "$WORK/mdb"
		return 1
	}
}

starts()
{
	run_pod a web hears.py $SOURCE && reachable && reported sega && hears
}

# goes FROM TO [OPTION…]: and hears what comes; what was lost, or came twice, is told only
goes()
{
	hop_pod web "$@" || return 1
	echo "heard/twice/lost: $(readlink "$WORK/web/heard")"
	reported "seg$2" && hears
}

stays()
{
	"$HERE/../tools/arm" "$1" && ! migrate web a b >"$WORK/said" 2>&1 &&
		grep "could not be let go" "$WORK/said" && pod_on web a && hears
}

# nowhere: b has no such interface, which is found out before anything stands
nowhere()
{
	local pid

	on a "ip link add only type dummy && ip link set only up multicast on" || return 1
	on a "setsid python3 -c 'import socket, struct, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack(\"=4s4sI\",
	socket.inet_aton(\"239.7.0.4\"), b\"\", socket.if_nametoindex(\"only\")))
open(\"$WORK/joined\", \"w\").close()
time.sleep(1000)' </dev/null >/dev/null 2>&1 & echo \$! >$WORK/server"
	pid=$(<"$WORK/server")
	wait_until "$LONG" test -e "$WORK/joined" || return 1
	! migrate "$pid" a b >"$WORK/said" 2>&1 && there a "$pid" &&
		grep 'a UDP socket uses interface "only", which is not there on b' "$WORK/said" || {
		cat "$WORK/said"
		return 1
	}
	on b "ip link add only type dummy && ip link set only up multicast on" &&
		migrate "$pid" a b && there b "$pid" &&
		on b "ip maddress show dev only" >"$WORK/said" && grep 239.7.0.4 "$WORK/said" &&
		on b "kill $pid"
}

[[ -e /sys/fs/cgroup/cgroup.procs ]] || skip "needs cgroup version 2 at /sys/fs/cgroup"
plan 11
must "there is a segment" segment
must "the daemons know their bridges" daemons_with "bridge = br0"
POD_OPTIONS=("${NET[@]}")
must "somebody talks to groups" talks
must "a pod hears it" starts
must "it moves to b" goes a b
must "it moves back, not prepared" goes b a --no-prepare
for fault in sent resume; do
	must "after a failure ($fault) it hears" stays $fault
done
must "it moves to b" goes a b
must "it has been right" finish web 0
must "a group on an interface that b has, or has not" nowhere
done_testing
