#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# TCP and UDP sockets without a connection: they listen, and what waits in them is there, on
# whichever host the process is. Connections that stay, if that is asked for. And sockets of
# netlink.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# verified NAME HOPS: it has looked at everything after so many
verified()
{
	is()
	{
		[[ $(readlink "$WORK/$1/verified") == "$2" ]]
	}
	wait_until "$LONG" is "$@" || {
		readlink "$WORK/$1"/{verified,verdict}
		return 1
	}
}

# hop_to FROM TO HOPS [OPTION…]
hop_to()
{
	migrate "$PID" "$1" "$2" "${@:4}" && lives_on inet "$2" && verified inet "$3"
}

# Only the daemon has sockets on b.
none_on_b()
{
	[[ -z $(on b "ss -H -tuln | grep -v :7837") ]]
}

# fails POINT: it stays, and nothing of it is on b, so that it may come again
fails()
{
	"$HERE/../tools/arm" "$1" && ! migrate "$PID" a b && lives_on inet a &&
		wait_until "$LONG" none_on_b
}

# stays SENTENCE COMMAND: the server that the command starts on a cannot come to b
stays()
{
	local pid

	on a "setsid python3 -c '$2' </dev/null >/dev/null 2>&1 & echo \$! >$WORK/server"
	pid=$(<"$WORK/server")
	wait_until "$LONG" on a "ss -H -tuln | grep -q :7654" || return 1
	! migrate "$pid" a b >"$WORK/said" 2>&1 || {
		echo "it has moved"
		return 1
	}
	cat "$WORK/said"
	grep -q -- "$1" "$WORK/said" && there a "$pid" && on a "ss -H -tuln | grep -q :7654" &&
		on a "kill $pid"
}

SERVER="import socket, time
s = socket.create_server((\"%s\", 7654))
time.sleep(1000)"

# taken: somebody else has the port on b
taken()
{
	# shellcheck disable=SC2059 # the format is ours
	on b "setsid python3 -c '$(printf "$SERVER" 0.0.0.0)' </dev/null >/dev/null 2>&1 &" &&
		wait_until "$LONG" on b "ss -H -tln | grep -q :7654" &&
		stays "address 0.0.0.0 port 7654 is taken on b" "$(printf "$SERVER" 0.0.0.0)"
}

# elsewhere: b has no such address
elsewhere()
{
	# shellcheck disable=SC2059
	stays "b has no address 10.99.0.1" "$(printf "$SERVER" 10.99.0.1)"
}

# Says what it has heard from its first caller, when it is told to, and serves one more.
CLOSER='import os, socket, sys, time
work = sys.argv[1]
s = socket.create_server(("127.0.0.1", 7655))
c = s.accept()[0]
open(work + "/accepted", "w").close()
while not os.path.exists(work + "/go"):
    time.sleep(.01)
said = c.recv(10).decode()
try:
    c.recv(1)
except ConnectionResetError:
    said += " reset"
open(work + "/said.server", "w").write(said)
s.accept()[0].sendall(b"again")
time.sleep(1000)'

CALLER='import socket, sys
c = socket.create_connection(("127.0.0.1", 7655))
c.sendall(b"hello")
try:
    said = c.recv(10).decode()
except ConnectionResetError:
    said = "reset"
open(sys.argv[1] + "/said.caller", "w").write(said)'

# heard WHO TEXT
heard()
{
	wait_until "$LONG" test -s "$WORK/said.$1" && [[ $(<"$WORK/said.$1") == "$2" ]]
}

# closes: a connection of the host's own address is reset, and all else moves
closes()
{
	local pid

	on a "setsid python3 -c '$CLOSER' $WORK </dev/null >/dev/null 2>&1 & echo \$! >$WORK/closer"
	pid=$(<"$WORK/closer")
	wait_until "$LONG" on a "ss -H -tln | grep -q :7655" || return 1
	on a "setsid python3 -c '$CALLER' $WORK </dev/null >/dev/null 2>&1 &"
	wait_until "$LONG" test -e "$WORK/accepted" || return 1
	! tern a check "$pid" >"$WORK/said" 2>&1 && grep -q "use --tcp-close" "$WORK/said" &&
		! migrate "$pid" a b >"$WORK/said" 2>&1 && tern a check "$pid" --tcp-close || return 1
	"$HERE/../tools/arm" resume
	! migrate "$pid" a b --tcp-close && there a "$pid" || return 1
	[[ ! -e $WORK/said.caller ]] || return 1
	migrate "$pid" a b --tcp-close && there b "$pid" && heard caller reset || return 1
	touch "$WORK/go"
	heard server "hello reset" && rm "$WORK/said.caller" &&
		on b "setsid python3 -c '$CALLER' $WORK </dev/null >/dev/null 2>&1 &" &&
		heard caller again && on b "kill $pid"
}

hop_routes()
{
	migrate "$PID" "$1" "$2" && lives_on routes "$2" && verified routes "$3"
}

pod_verified()
{
	hop_pod inside "$1" "$2" && verified inside "$3"
}

plan 20
must "a process with sockets starts" start a inet inet 4
for point in sent become load resume; do
	must "$point fails: its sockets stay" fails "$point"
done
must "it moves" hop_to a b 1
must "it moves back, not prepared" hop_to b a 2 --no-prepare
must "it moves once more" hop_to a b 3 --mode=hybrid
must "and back" hop_to b a 4
must "all is as it was" finish inet 4
must "a process that asks of interfaces starts" start a routes routes 2
must "it moves" hop_routes a b 1
must "and back" hop_routes b a 2
must "it hears of each host while it is there" finish routes 2
must "a pod with sockets starts" run_pod a inside inet 2
must "it moves" pod_verified a b 1
must "and back" pod_verified b a 2
must "a port that is taken is not taken away" taken
must "an address that is not there is asked for" elsewhere
must "connections stay behind if they may" closes
done_testing
