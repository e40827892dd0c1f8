# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# "tern check" names what cannot move, and a migration is refused for the same
# reason, with the process running on.

refused()
{
	local what=$1 want=$2

	start a "$what" refused "$what"
	on a "tern check $PID" >reasons 2>&1 && fail "$what: the check has nothing against it"
	grep -qiE "$want" reasons || fail "$what: not named: $(cat reasons)"
	note "$what: $(head -n 1 reasons)"
	on a "tern migrate $PID b" >migrate 2>&1 && fail "$what: it moved"
	grep -qiE "$want" migrate || fail "$what: refused, but why? $(cat migrate)"
	finish "$what" a
	hops 0
}

refused tcp 'tcp|socket'
refused shm 'shm|system v|shared memory'
refused io_uring 'io_uring'
refused traced 'trace'
refused child 'child'
refused zombie 'child'
refused timerfd 'timerfd'
refused eventfd 'eventfd'
refused signalfd 'signalfd'
refused inotify 'inotify'
refused memfd 'memfd|fd [0-9]+'
refused unix 'unix|socket'
refused shared 'shared'
refused timer 'timer'
refused itimer 'timer'
refused lock 'lock'
refused flock 'lock'
refused deleted 'deleted'
refused pipe_out 'pipe'

# a kernel thread, nobody at all, and a process of another user
on a "tern check 2" >reasons 2>&1 && fail "a kernel thread may move?"
grep -qi 'kernel thread' reasons || fail "kernel thread: $(cat reasons)"
on a "tern check 4000000" >reasons 2>&1 && fail "nobody may move?"
grep -qiE 'no (such )?process' reasons || fail "no such process: $(cat reasons)"
start a nothing refused nothing
on a "tern check $PID" >reasons 2>&1 || fail "nothing is wrong, but: $(cat reasons)"
on a "setpriv --reuid 4242 --clear-groups tern check $PID" >reasons 2>&1 &&
	fail "anybody may check root's processes"
note "other user: $(head -n 1 reasons)"
on a "setpriv --reuid 4242 --clear-groups tern migrate $PID b" >reasons 2>&1 &&
	fail "anybody may move root's processes"
note "other user: $(head -n 1 reasons)"
finish nothing a
