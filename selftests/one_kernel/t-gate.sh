#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A pod runs before its TCP connections have come, and only what is done with them waits. The
# gate before them is held shut (fault point "gate"), so that whatever is seen meanwhile is seen
# without them, however long it takes.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=segment.sh
. "$HERE/segment.sh"

PORT=7100
# what those who look find
HERE_ALL="dontwait=there timeo=there eintr=there poll=there select=there level=there"
AWAY_ALL="dontwait=EAGAIN timeo=EAGAIN eintr=EINTR poll=- select=- level=-"
# those who wait
NONE="recv=- send=- poll=- select=- level=- edge=- oneshot=- child=- accept=-"
EACH=${NONE//=-/=there}

arm()
{
	"$HERE/../tools/arm" "$1"
}

tells()
{
	[[ $(readlink "$WORK/web/$1") == "$2" ]]
}

# finds WHAT: so those who look
finds()
{
	wait_until "$LONG" tells looks "$1" || {
		readlink "$WORK/web/looks"
		return 1
	}
}

waits()
{
	wait_until "$LONG" tells waits "$1" || {
		readlink "$WORK/web/waits"
		return 1
	}
}

# asleep: nobody who waits has got anything, nor will before somebody opens the gate
asleep()
{
	beating web && tells waits "$NONE" || {
		readlink "$WORK/web/waits"
		return 1
	}
}

# serves ADDRESS: a pod with a client
serves()
{
	local dir=$WORK/client

	rm -rf "$WORK/web" "$dir"
	run_pod a web gates $PORT && reachable && mkdir "$dir" || return 1
	on c "setsid $HERE/../migrants/gates $dir $PORT $1 </dev/null >$dir/out 2>&1 &"
	wait_until "$LONG" test -L "$dir/ready" || {
		cat "$dir/out"
		readlink "$dir/verdict"
		return 1
	}
	finds "$HERE_ALL" && waits "$NONE"
}

runs_without()
{
	arm gate && hop_pod web "$@" && finds "$AWAY_ALL" && asleep
}

# status HOST WHAT
status()
{
	tern "$1" status | tee "$WORK/said"
	grep "$2" "$WORK/said" >/dev/null
}

says_so()
{
	status "$1" "TCP sockets wait for their connections"
}

# It does not go on to where it would be without them for ever.
stays()
{
	! migrate web "$1" "$2" >"$WORK/said" 2>&1 && cat "$WORK/said" &&
		grep "whose connection has not come here yet" "$WORK/said" >/dev/null &&
		pod_on web "$1" && finds "$AWAY_ALL" && asleep
}

# It closes one while nothing of it is there.
closes()
{
	touch "$WORK/web/close"
	wait_until "$LONG" tells closed yes && asleep
}

# The client sends what they wait for.
said()
{
	touch "$WORK/client/say"
	wait_until "$LONG" test -L "$WORK/client/said" && finds "$AWAY_ALL" && asleep
}

opens()
{
	arm off && finds "$HERE_ALL" && waits "$EACH"
}

# Nothing was lost, and the end of the connection that was closed was no reset.
right()
{
	wait_until "$LONG" test -L "$WORK/client/had" || {
		readlink "$WORK/client/verdict"
		return 1
	}
	touch "$WORK/client/stop"
	wait_until "$LONG" test -L "$WORK/client/verdict"
	[[ $(readlink "$WORK/client/verdict") == "ok had all" ]]
}

settled()
{
	! status "$1" "TCP sockets wait" && ! status "$1" "TCP connections were lost"
}

# hops: it moves as soon as it has arrived, and is asleep all the time
hops()
{
	hop_pod web a b && hop_pod web b a --no-prepare && finds "$HERE_ALL" && asleep
}


# b's word comes late, and a's daemon does not live to hear it: the next one hands over, again.
doubt()
{
	# before that it might not have left at all
	runs_on_b()
	{
		[[ $(readlink "$WORK/web/progress") == *host=one-kernel-b* ]]
	}
	tern a prepare web b && delay b 2 &&
		tern a migrate web b --no-wait && wait_until "$LONG" in_doubt &&
		wait_until "$LONG" runs_on_b && daemon_kill a && delay b off && daemon_start a &&
		pod_on web b && finds "$HERE_ALL" && asleep && hop_pod web b a
}

# What the source had of them is lost.
reset()
{
	local text=${NONE//=-/=ECONNRESET}

	arm sockets && hop_pod web a b && waits "${text/accept=ECONNRESET/accept=-}" &&
		status b "TCP connections were lost with the move"
}

[[ -e /sys/fs/cgroup/cgroup.procs ]] || skip "needs cgroup version 2 at /sys/fs/cgroup"
modprobe -q bridge
plan 27
must "there is a segment" segment
must "the daemons know their bridges" daemons_with "bridge = br0"
POD_OPTIONS=("${NET[@]}")
for address in $V4 $V6; do
	must "a pod and its client have connections ($address)" serves $address
	must "it runs without them" runs_without a b
	must "its host says so" says_so b
	must "it does not move on before they are there" stays b a
	must "it closes one of them" closes
	must "what the client says meanwhile nobody hears" said
	must "when they are there everybody does" opens
	must "nothing was lost" right
	must "and its host has nothing more to say" settled b
	must "it has been right" finish web 1
done
must "another pod has connections" serves $V4
must "it moves to and fro" hops
must "and if the source's daemon dies while it is in doubt" doubt
must "without its connections it runs on, and finds them reset" reset
must "it has been right" finish web 5
done_testing
