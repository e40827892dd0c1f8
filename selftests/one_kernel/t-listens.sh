#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A unix socket with a name in the file system: the name moves with it, or stays with it.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# only HOST NAME…: this is in the directory there, and nothing else
only()
{
	is()
	{
		[[ $(on "$1" "cd $OWN && LC_ALL=C ls -A | xargs") == "${*:2}" ]]
	}
	wait_until "$LONG" is "$@" || {
		on "$1" "ls -lA $OWN"
		return 1
	}
}

# hop_with FROM TO [OPTION…]: its name is there, and nowhere else
hop_with()
{
	migrate "$PID" "$1" "$2" "${@:3}" && lives_on listens "$2" && only "$1" keep &&
		only "$2" door keep
}

# stays SENTENCE: it does not move for that reason
stays()
{
	! migrate "$PID" a b >"$WORK/said" 2>&1 || {
		echo "it has moved"
		return 1
	}
	cat "$WORK/said"
	grep -q -- "$1" "$WORK/said" && lives_on listens a && only a door keep
}

file_in_the_way()
{
	on b "echo mine >$OWN/door" && stays "door is there already on b" &&
		on b "grep -q mine $OWN/door && rm $OWN/door"
}

# A server of somebody else on b, and later what it has left.
server_in_the_way()
{
	on b "python3 -c 'import os, socket, time
s = socket.socket(socket.AF_UNIX)
s.bind(\"$OWN/door\")
s.listen()
open(\"$OWN/pid\", \"w\").write(str(os.getpid()))
time.sleep(1000)' >/dev/null 2>&1 & while ! [ -s $OWN/pid ]; do sleep 0.1; done" &&
		stays "is the socket of another process" && on b "kill \$(cat $OWN/pid) && rm $OWN/pid" &&
		only b door keep
}


# fails POINT: nothing is left behind on b, nor taken away
fails()
{
	"$HERE/../tools/arm" "$1" && stays "" && only b "${@:2}"
}

plan 14
OWN=$WORK/own
must "each host has a directory" own "touch keep"
must "a server starts" start a listens listens "$OWN" 4
must "a file that is there is not overwritten" file_in_the_way
for point in sent become load resume; do
	must "$point fails: its name stays" fails "$point" keep
done
must "a socket in use is not taken away" server_in_the_way
must "a dead one is put back when it fails (resume)" fails resume door keep
must "it moves with its name" hop_with a b
must "it moves back, not prepared" hop_with b a --no-prepare
must "it moves once more" hop_with a b
must "and back" hop_with b a
must "who calls is heard" finish listens 4
done_testing
