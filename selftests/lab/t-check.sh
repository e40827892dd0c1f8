# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# "tern check" names what cannot move, and a migration is refused for the same
# reason, with the process running on.

bad=0
wrong()
{
	bad=$((bad + 1))
	echo "# FAIL: $*"
}

refused()
{
	local what=$1 want=$2

	start a "$what" refused "$what"
	! on a "tern check $PID" >reasons 2>&1 || wrong "$what: the check has nothing against it"
	note "$what: $(head -n 1 reasons)"
	grep -qiE "$want" reasons || wrong "$what: not named as $want"
	! on a "tern migrate $PID b" >migrate 2>&1 || wrong "$what: it moved"
	grep -qiE "$want" migrate || wrong "$what: refused, but why? $(cat migrate)"
	(finish "$what" a && hops 0) >finished || wrong "$what: $(cat finished)"
}

refused tcp 'tcp|socket'
refused shm 'shm|system v|shared memory'
refused io_uring 'io_uring'
refused traced 'trace'
refused child 'child'
refused zombie 'child'
refused eventfd_out 'an eventfd that another process has open'
refused fanotify 'fanotify'
refused memfd 'memfd|fd [0-9]+'
refused unix 'a unix datagram socket with a name'
refused rights 'descriptors under way'
refused shared 'shared'
refused timer 'timer'
refused itimer 'timer'
refused lock 'locked for writing'
refused flock 'locked for writing'
refused deleted 'deleted'
refused pipe_out 'pipe'

# a kernel thread, nobody at all, and a process of another user
! on a "tern check 2" >reasons 2>&1 || wrong "a kernel thread may move?"
grep -qi 'kernel thread' reasons || wrong "kernel thread: $(cat reasons)"
! on a "tern check 4000000" >reasons 2>&1 || wrong "nobody may move?"
grep -qiE 'no (such )?process' reasons || wrong "no such process: $(cat reasons)"
start a nothing refused nothing
on a "tern check $PID" >reasons 2>&1 || wrong "nothing is wrong, but: $(cat reasons)"
! on a "setpriv --reuid 4242 --clear-groups tern check $PID" >reasons 2>&1 ||
	wrong "anybody may check root's processes"
note "other user: $(head -n 1 reasons)"
! on a "setpriv --reuid 4242 --clear-groups tern migrate $PID b" >reasons 2>&1 ||
	wrong "anybody may move root's processes"
note "other user: $(head -n 1 reasons)"
finish nothing a
((bad == 0))
