# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# The destination cannot take it: the pid is taken, its kernel fails at every
# point where that is possible. The process runs on at the source and can be
# moved afterwards.

TOOLS=/usr/local/lib/tern/selftests/tools

start a heap heap 8 5

on b "setsid $TOOLS/take_pid $PID 1000 </dev/null >/dev/null 2>&1 &"
sleep 1
on a "tern migrate $PID b" >out 2>&1 && fail "moved although its pid is taken"
note "$(tail -n 1 out)"
grep -q "$PID" out || fail "the pid is not named"
guest a beating "$SHARED/heap" "$LONG" || fail "does nothing after a refusal"
on b "kill $PID"

# what the other host does not have is named, too
on a "echo here >/tmp/only-here; setsid tail -f /tmp/only-here </dev/null >/dev/null 2>&1 &
	echo \$! >$SHARED/tail"
tail=$(on a "cat $SHARED/tail")
on a "tern migrate $tail b" >out 2>&1 && fail "moved although its file is not there"
note "$(tail -n 1 out)"
grep -q "/tmp/only-here, .*does not exist on b" out || fail "the file is not named"
on a "kill $tail; rm /tmp/only-here"

fail_point()
{
	on "$1" "$TOOLS/arm $2" || fail "cannot arm $2 on $1"
	if on a "timeout $LONG tern migrate $PID b --json" >out 2>&1; then
		note "$2 on $1: moved all the same"
		lives_on "$PID" b
		migrate "$PID" b a
	else
		note "$2 on $1: $(tail -n 1 out | cut -c 1-160)"
	fi
	lives_on "$PID" a
}

for point in park_alloc park_save capture sent keep; do
	fail_point a $point
done
for point in shell become load resume keep; do
	fail_point b $point
done
# too late to fail: the process is there already
for point in commit read_pages; do
	fail_point a $point
done
migrate "$PID" a b
finish heap b
