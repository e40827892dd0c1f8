#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A process that writes to a file server runs elsewhere before its data has been written, and
# waits for it only where it looks at that file. The data is kept at the source (fault point
# "write_back"), so that whatever is seen meanwhile is seen without it, however long it takes.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

TRACE=/sys/kernel/tracing
MORE=20		# what is read meanwhile, so often
caught=

arm()
{
	"$HERE/../tools/arm" "$1"
}

count()
{
	readlink "$WORK/journal/$1"
}

# begin: it sets out; migrated: it has arrived, with all that it had
begin()
{
	tern "$1" migrate "${PIDS[journal]}" "$2" --json >"$WORK/said" 2>&1 &
	mover=$!
	lives_on journal "$2"
}

migrated()
{
	wait "$mover" || {
		cat "$WORK/said"
		return 1
	}
}

# It runs, and reads, but what it writes and how much there is has to wait.
stands_at_file()
{
	local first seen

	seen=$(count other)
	first=$(count wrote)
	more()
	{
		(($(count other) >= seen + MORE))
	}
	wait_until "$LONG" more && [[ $(count wrote) == "$first" ]]
}

# A move may find the file written, if the writer was not asked for that long; then once more.
caught()
{
	local from=a to=b i t

	for ((i = 0; i < 5; i++)); do
		arm write_back && begin $from $to || return 1
		if stands_at_file; then
			caught=$to
			return
		fi
		arm off && migrated || return 1
		t=$from from=$to to=$t
	done
	echo "there was never anything to write"
	return 1
}

looked()
{
	on_it()
	{
		[[ $(count looked) == "one-kernel-$1" || -L $WORK/journal/verdict ]]
	}
	wait_until "$LONG" on_it "$1" && [[ ! -L $WORK/journal/verdict ]]
}

is_paging()
{
	is_state "$caught" "${PIDS[journal]}" paging
}

# Programs that are no migrants: who looks, who wants it on the disk, who changes it. Who does
# not want to wait does not, nor who does something else in that directory.
others_wait()
{
	on "$caught" "cd $WORK
		setsid stat -c %s $SHARED/file </dev/null >size 2>&1 &
		setsid sync $SHARED/file </dev/null >synced 2>&1 && date >synced &
		setsid chmod 640 $SHARED/file </dev/null >changed 2>&1 && date >changed &"
	stands_at_file && on "$caught" "cd $SHARED && stat --cached=always -c %s file &&
		python3 -c 'import os; os.link(\"file\", \"again\"); os.unlink(\"again\")'" &&
		stands_at_file &&
		[[ ! -s $WORK/size && ! -s $WORK/synced && ! -s $WORK/changed ]]
}

others_go_on()
{
	local what

	for what in size synced changed; do
		wait_until "$LONG" test -s "$WORK/$what" && cat "$WORK/$what" || return 1
	done
	(($(<"$WORK/size") % 4096 == 0 && $(<"$WORK/size") > 0))
}

away()
{
	[[ $caught != a ]] && echo a || echo b
}

restarts()
{
	daemon_kill "$(away)" && stands_at_file && daemon_start "$(away)" && stands_at_file
}

# traced WHAT: what the barrier said of that file, without repetitions
traced()
{
	local inode
	inode=$(stat -c %i "$SHARED/file")
	sed -n "s/.*tern_barrier: ino=$inode //p" $TRACE/trace | uniq | xargs >"$WORK/trace"
	cat "$WORK/trace"
	[[ $(<"$WORK/trace") == *"$1" ]]
}

finished()
{
	local said

	touch "$WORK/$1/stop"
	wait_until $((2 * LONG)) test -L "$WORK/$1/verdict"
	said=$(readlink "$WORK/$1/verdict")
	echo "$said"
	[[ $said == "ok hops="* ]]
}

mount=$(findmnt -n -o TARGET -t nfs,nfs4 | head -n 1)
[[ $mount ]] || skip "needs a network file system"
SHARED=$(mktemp -d "$mount/barrier-XXXXXX")
plan 22
trap 'arm off; rm -rf "$SHARED"; clean_up' EXIT
date >"$SHARED/other"
echo 1 >$TRACE/events/tern/tern_barrier/enable && : >$TRACE/trace
must "a process writes to a file server" start a journal journal.py "$SHARED/file" "$SHARED/other"
must "it runs, but waits where its data is not" caught
must "it is not independent yet" is_paging
must "others on its new host wait for the file, too" others_wait
must "the source's daemon dies, and another one goes on" restarts
must "the data may be written" arm off
must "all of it is there" looked "$caught"
must "it is independent" migrated
must "others see it, too" others_go_on
must "the barrier was up, somebody waited, and it is down" traced "up waits down"
must "it goes back" begin "$caught" "$(away)"
must "with its data" migrated
must "which it finds" looked "$(away)"
must "and again from there" hop journal "$(away)" "$caught"
must "nothing is lost or doubled" finished journal
# The child opens it after the draft; what the parent has waits for the source, which waits for both.
must "a tree shares such a file" start a tree journal.py "$SHARED/tree" "$SHARED/other" child
there_and_back tree
must "and moves again" hop tree a b
must "nothing is lost or doubled" finished tree
echo 0 >$TRACE/events/tern/tern_barrier/enable
done_testing
