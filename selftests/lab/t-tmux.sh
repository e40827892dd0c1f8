# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# tmux in a pod, with its server, a client that stands in a terminal of host a, and a shell
# that works: all of them move, and whoever sits before that terminal types on. The terminal
# is that of another tmux, which does not move.

on a "command -v tmux" || skip "needs hosts with programs: TERN_LAB_PROGRAMS=1 scripts/lab up"

# outer LINE: of the tmux that does not move
outer()
{
	on a "TERM=xterm tmux -L outer $1"
}

keys()
{
	outer "send-keys '$1' Enter" || fail "tmux has ended"
}

screen()
{
	outer "capture-pane -p" | grep .
}

shows()
{
	screen | grep -q -- "$1"
}

# see TEXT: until it is there
see()
{
	wait_until "$LONG" shows "$1" || {
		screen
		fail "\"$1\" does not come"
	}
}

# stop: what runs in the inner terminal, again if it must: bash does not hear of it when its
# child has just ended
stop()
{
	prompts()
	{
		outer "send-keys C-c" && sleep 0.5 && screen | tail -n 2 | grep -q '^bash-.*# *$'
	}
	wait_until "$LONG" prompts || fail "it does not stop: $(screen)"
}

# counts: lines come, one after the other and each once
counts()
{
	local last
	last=$(screen | sed -n 's/^count \([0-9]*\)$/\1/p' | tail -n 1)
	see "^count $((last + 3))\$"
	[[ $(screen | sed -n 's/^count \([0-9]*\)$/\1/p' | sort -n | uniq -d) == "" ]] ||
		fail "a line came twice"
}

# door HOST: is the server's socket there?
door()
{
	on "$1" "test -S $ROOM/tmux-0/inner"
}

hop()
{
	migrate tmux "$1" "$2"
	counts
	door "$2" || fail "no socket on $2"
	! door "$1" || fail "a socket on $1"
}

ROOM=/tmp/tern-tmux
on a "mkdir -p $ROOM/tmux-0; chmod 700 $ROOM/tmux-0"
on b "mkdir -p $ROOM/tmux-0; chmod 700 $ROOM/tmux-0"
outer "new-session -d -x 90 -y 28 'tern run --name tmux -- env TMUX_TMPDIR=$ROOM tmux -f /dev/null -L inner new-session \"bash --norc\"'" ||
	fail "no tmux"
see "bash-.*#"
keys 'n=0; while :; do echo count $n; n=$((n + 1)); sleep 0.3; done'
counts
hop a b
stop
keys 'echo at $n is $((n >= 6)), $(tmux -L inner list-panes | wc -l) pane'
see "is 1, 1 pane"
outer "resize-window -x 100 -y 30"
keys 'stty size'
see "29 100"
keys 'while :; do echo count $n; n=$((n + 1)); sleep 0.3; done'
counts
# a window, and with it another terminal, that came into being on b
outer "send-keys C-b" && outer "send-keys c" || fail "tmux has ended"
see "^0:\|1:bash"
outer "send-keys C-b" && outer "send-keys 0" || fail "tmux has ended"
counts
hop b a
stop
keys 'tmux -L inner kill-server'
ended()
{
	on a "test ! -e /sys/fs/cgroup/tern/tmux" && ! outer "list-sessions" >/dev/null 2>&1
}
wait_until "$LONG" ended || fail "it does not end"
