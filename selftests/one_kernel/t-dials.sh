#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A pod moves while its connections are being made: by whoever waits in connect(2), or is told
# by epoll. The peer answers later, or says no; or has answered, and its answer is on its way.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=segment.sh
. "$(dirname "$0")/segment.sh"

PORT=7100
PEERS=(10.98.0.9 fd98::9 ::ffff:10.98.0.9)
NR=$((2 * ${#PEERS[@]}))

# With room for none but who calls it by itself, a SYN is dropped: until it is told to accept, or
# to end.
PEER='import os, socket, sys, threading, time
work, port, room = sys.argv[1:]
def echo(s):
    while data := s.recv(100):
        s.sendall(data)
s = socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True,
                         backlog=int(room))
own = socket.create_connection(("::1", int(port)))
open(work + "/listens", "w").close()
while not os.path.exists(work + "/accept") and not os.path.exists(work + "/end"):
    time.sleep(.01)
while not os.path.exists(work + "/end"):
    threading.Thread(target=echo, args=(s.accept()[0],), daemon=True).start()
s.close()'

# peer NAME ROOM: on c
peer()
{
	mkdir "$WORK/$1"
	on c "setsid python3 -c '$PEER' $WORK/$1 $PORT $2 </dev/null >$WORK/$1/out 2>&1 & echo \$! >$WORK/$1/pid"
	wait_until "$LONG" test -e "$WORK/$1/listens" || {
		cat "$WORK/$1/out"
		return 1
	}
}

# asked HOST: how many have sent a SYN and got no answer
asked()
{
	inside "$1" ss -H -tno state syn-sent | wc -l
}

# How often these have been sent again, the fewest.
again()
{
	inside "$1" ss -H -tno state syn-sent | sed -n 's/.*timer:(on,[^,]*,\([0-9]*\)).*/\1/p' |
		sort -n | head -n 1
}

all_asked()
{
	[[ $(asked "$1") == "$NR" ]]
}

# dials HOST
dials()
{
	rm -rf "$WORK/web"
	run_pod "$1" web dials.py $PORT "${PEERS[@]}" && wait_until "$LONG" all_asked "$1"
}

asked_again()
{
	(($(again a) > 0))
}

# said WORD: each of them
said()
{
	local all

	all=$(printf "$1 %.0s" $(seq $NR))
	each()
	{
		[[ $(readlink "$WORK/web/said") == "${1% }" ]]
	}
	wait_until "$LONG" each "$all" || {
		readlink "$WORK/web"/{said,verdict}
		return 1
	}
}

# goes FROM TO [OPTION…]: they are asked still, and their patience is not what it was at first
goes()
{
	local before

	before=$(again "$1")
	hop_pod web "$@" || return 1
	echo "asked again $before times before, $(again "$2") now"
	all_asked "$2" && (($(again "$2") >= before)) && said waits
}

# stays FAULT: and nothing is lost
stays()
{
	"$HERE/../tools/arm" "$1" && ! migrate web a b >"$WORK/said" 2>&1 &&
		grep "could not be let go" "$WORK/said" && pod_on web a && all_asked a && said waits
}

# accepts NAME
accepts()
{
	touch "$WORK/$1/accept"
	said answered
}

# late: somebody accepts at once, but all that c sends comes two seconds later
late()
{
	peer late 100 && touch "$WORK/late/accept" &&
		in_host c tc qdisc add dev br0 root netem delay 2s
}

punctual()
{
	in_host c tc qdisc del dev br0 root
}

# What has been refused, on c.
refused()
{
	on c "nstat -asz TcpOutRsts TcpEstabResets TcpAttemptFails" | tail -n +2
}

# And at the pod's end.
refused_by_all()
{
	refused
	inside b nstat -asz TcpOutRsts TcpExtPAWSActive | tail -n +2
}

# answers_all: c has heard all of them, and answered
answers_all()
{
	(($(on c "ss -Htn state syn-recv" | wc -l) == NR))
}

# on_its_way: what answers is on its way while they move, and is as good as any
on_its_way()
{
	local before

	before=$(refused)
	dials a && wait_until "$LONG" answers_all && hop_pod web a b && said answered || return 1
	refused_by_all
	[[ $(refused_by_all) == "$before"$'\n'"$(printf '%-32s0                  0.0\n' TcpOutRsts TcpExtPAWSActive)" ]]
}

# lost: they cannot be made at the other end, and whoever waits is told
lost()
{
	dials b && "$HERE/../tools/arm" sockets && hop_pod web b a && said ECONNRESET
}

not_there()
{
	! there "$@"
}

# ends PEER: it listens no more
ends()
{
	touch "$WORK/$1/end"
	# it waits for who calls
	[[ ! -e $WORK/$1/accept ]] || on c "python3 -c 'import socket
socket.create_connection((\"::1\", $PORT))'"
	wait_until "$LONG" not_there c "$(<"$WORK/$1/pid")" || {
		cat "$WORK/$1/out"
		return 1
	}
}

says_no()
{
	ends second && said ECONNREFUSED
}

[[ -e /sys/fs/cgroup/cgroup.procs ]] || skip "needs cgroup version 2 at /sys/fs/cgroup"
plan 25
must "there is a segment" segment
must "the daemons know their bridges" daemons_with "bridge = br0"
POD_OPTIONS=("${NET[@]}")
must "somebody listens, and does not accept" peer first 0
must "a pod dials" dials a
must "it has dialled again" wait_until "$LONG" asked_again
must "it moves to b" goes a b
must "it moves back, not prepared" goes b a --no-prepare
for fault in sent resume; do
	must "after a failure ($fault) it waits" stays $fault
done
must "it moves to b" goes a b
must "all are accepted, and answered" accepts first
must "it has been right" finish web 0
must "nobody listens any more" ends first
must "what the peer says takes its time" late
must "it moves while an answer is on its way" on_its_way
must "it has been right" finish web 0
must "all is quick again" punctual
must "nobody listens any more" ends late
must "somebody else does not accept, either" peer second 0
must "a pod dials" dials a
must "it moves to b" goes a b
must "who is told no says so" says_no
must "it has been right" finish web 0
must "somebody does not accept, once more" peer third 0
must "who cannot be handed over is told" lost
must "it has been right" finish web 0
done_testing
