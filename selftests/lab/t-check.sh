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
	grep -qE -- "$want" reasons || wrong "$what: not named as $want"
	! on a "tern migrate $PID b" >migrate 2>&1 || wrong "$what: it moved"
	grep -qE -- "$want" migrate || wrong "$what: refused, but why? $(cat migrate)"
	(finish "$what" a && hops 0) >finished || wrong "$what: $(cat finished)"
}

# as the documentation has it
"$TOP/scripts/state-table" refused >table || fail "no table of what cannot move"
while IFS=$'\t' read -r what want; do
	refused "$what" "$want"
done <table
(($(wc -l <table) > 40)) || wrong "the table has lost its rows"

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
