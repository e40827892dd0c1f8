#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# While a pod stands its source's kernel goes on to acknowledge what comes by its TCP
# connections, and to keep it; all else is held. The link to the other host is so slow that what
# has to travel before the pod may run is under way for as long as that takes to see.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=segment.sh
. "$HERE/segment.sh"

PORT=7200
EACH=1000	# bytes that the client sends at once
sent=0		# how often it has

# Sends as often as it is asked to, and says when all has been acknowledged (SIOCOUTQ, tcp(7)).
CLIENT='import fcntl, os, socket, struct, sys, time
work = sys.argv[1]
s = socket.create_connection((sys.argv[2], int(sys.argv[3])))
each, n = int(sys.argv[4]), 0
while True:
    if not os.path.exists(f"{work}/ask-{n + 1}"):
        time.sleep(.01)
        continue
    s.sendall(bytes((n * each + i) & 0xff for i in range(each)))
    n += 1
    while struct.unpack("i", fcntl.ioctl(s, 0x5411, b"0000"))[0]:
        time.sleep(.01)
    open(f"{work}/acked-{n}", "w").close()'

# Before the daemon is: what waits to be sent is little.
little_room()
{
	on a "sysctl -q net.ipv4.tcp_wmem='4096 4096 4096'" && daemons_with "bridge = br0"
}

has_client()
{
	run_pod a web reads.py $PORT && reachable || return 1
	on c "setsid python3 -c '$CLIENT' $WORK $V4 $PORT $EACH </dev/null >$WORK/client 2>&1 &"
	acked && reads
}

# acked: what the client sends now is
acked()
{
	sent=$((sent + 1))
	touch "$WORK/ask-$sent"
	wait_until "$LONG" test -e "$WORK/acked-$sent" || {
		cat "$WORK/client"
		return 1
	}
}

# reads: the server has got all of it
reads()
{
	all()
	{
		[[ $(readlink "$WORK/web/read") == $((sent * EACH)) ]]
	}
	wait_until "$LONG" all || {
		readlink "$WORK"/web/{read,verdict}
		return 1
	}
}

stands()
{
	tern a status | grep -q " parked "
}

# while_it_stands: it is acknowledged, and by nobody else than a
while_it_stands()
{
	in_host a tc qdisc add dev data root netem rate 24kbit &&
		tern a migrate web b --no-prepare --no-wait &&
		wait_until "$LONG" stands && acked && acked && stands || return 1
	! answers $V4 && stands
}

moves_on()
{
	delay a off && pod_on web b && reads && acked && reads
}

fails_at()
{
	"$HERE/../tools/arm" "$1" && while_it_stands && delay a off &&
		wait_until "$LONG" not_stands && pod_on web a && reads && acked && reads
}

not_stands()
{
	! stands
}

[[ -e /sys/fs/cgroup/cgroup.procs ]] || skip "needs cgroup version 2 at /sys/fs/cgroup"
modprobe -q bridge
plan 9
must "there is a segment" segment
must "the daemons know their bridges" little_room
POD_OPTIONS=("${NET[@]}")
must "a pod has a client" has_client
must "what comes while it stands is acknowledged, and it fails" fails_at resume
must "what comes while it stands is acknowledged" while_it_stands
must "it runs, and has all of it" moves_on
must "it moves back" hop_pod web b a
must "nothing is lost" acked
must "it has been right" finish web 0
done_testing
