# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# A program that has called openlog(3): what it has to say goes to the log of the host on
# which it is, and no line is lost, or comes twice.

# listens HOST: what comes to /dev/log there goes into a file.
listens()
{
	on "$1" "setsid python3 -c '
import os, socket
if os.path.exists(\"/dev/log\"): os.unlink(\"/dev/log\")
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind(\"/dev/log\")
with open(\"$SHARED/log.$1\", \"a\") as out:
    while True:
        print(log.recv(1000).decode(), file=out, flush=True)
' </dev/null >/dev/null 2>&1 & echo \$! | tee -a /srv/shared/tests/pids"
	wait_until "$LONG" on "$1" "test -S /dev/log" || fail "nobody listens on $1"
}

# The numbers of the lines that the log of HOST has.
lines()
{
	on "$1" "sed -n 's/.*talks\\[$PID\\]: line \\([0-9]*\\)\$/\\1/p' $SHARED/log.$1 2>/dev/null"
}

# more HOST: lines come there
more()
{
	local had

	had=$(lines "$1" | wc -l)
	has_more()
	{
		(($(lines "$1" | wc -l) > had + 3))
	}
	wait_until "$LONG" has_more "$1" || fail "nothing comes to the log of $1"
}

on a "mkdir -p $SHARED"
listens a >/dev/null
start a talks talks.py
more a
! on a "tern migrate $PID b $MODE" >out 2>&1 || fail "it has moved to where nobody listens"
grep -q "nobody listens on b" out || {
	cat out
	fail "it is not said why it does not move"
}
note "$(cat out)"
more a
LOG_B=$(listens b) || fail "nobody listens on b"
migrate "$PID" a b
more b
migrate "$PID" b a
more a
migrate "$PID" a b
more b
# all there, each once: while whoever listens stays, none is lost
all_lines()
{
	{
		lines a
		lines b
	} | sort -n >all
}
all_lines
cmp all <(seq 0 "$(tail -n 1 all)") || fail "lines are missing, or came twice"
# as after an upgrade of whoever listens
on b "kill $LOG_B"
listens b >/dev/null
more b
finish talks b
hops 3
all_lines
[[ $(uniq -d all) == "" ]] || fail "a line came twice"
on a "rm -f /dev/log"
on b "rm -f /dev/log"
