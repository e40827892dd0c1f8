#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In the foreground "tern run" stands for its program, wherever that is.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# Says who it is, and all that it reads; with numbers, so that nothing is lost or doubled.
PROGRAM='
	trap "echo term; exit 9" TERM
	trap "touch $0/hup; exit 1" HUP
	for i in {1..300}; do echo $i; done
	echo ready
	while read -r line; do
		[[ $line != end ]] || exit 7
		echo "got $line"
		echo "err $line" >&2
	done
	echo eof
	while :; do sleep 0.1; done'

# run NAME: on a, in the background; its input is descriptor $IN
run()
{
	local dir=$WORK/$1

	mkdir "$dir" && mkfifo "$dir/in" && exec {IN}<>"$dir/in"
	nsenter --target "${INIT[a]}" --mount --uts --ipc --net --pid --time -- \
		"$TERN" run --cgroup "$(pods a)" --name "$1" bash -c "$PROGRAM" "$dir" \
		<"$dir/in" >"$dir/out" 2>"$dir/err" {IN}>&- &
	RUN=$!
	said "$1" ready
}

# said NAME LINE: it has, on its standard output
said()
{
	spoken()
	{
		[[ $(tail -n 1 "$WORK/$1/out") == "$2" ]]
	}
	wait_until "$LONG" spoken "$1" "$2" || {
		tail "$WORK/$1/out" "$WORK/$1/err"
		return 1
	}
}

answers()
{
	echo "$2" >&"$IN" && said "$1" "got $2"
}

# hop NAME FROM TO: it moves, and answers
hop()
{
	tern "$2" migrate "$1" "$3" --json && answers "$1" "on $3 $RANDOM"
}

# ends NAME STATUS: "tern run" does, so
ends()
{
	local status

	wait $RUN
	status=$?
	exec {IN}>&-
	tail -n 2 "$WORK/$1/out" "$WORK/$1/err"
	echo "status $status"
	((status == $2))
}

# all that it was told is there once, in order
whole()
{
	cmp <(seq 300; echo ready; sed -n 's/^err /got /p' "$WORK/$1/err") \
		<(sed '/^term$/d; /^eof$/d' "$WORK/$1/out")
}

many()
{
	local i

	for i in {1..400}; do
		echo "line $i" >&"$IN"
		((i % 100)) || tern "$2" migrate "$1" "$3" --json >"$WORK/said" || return 1
		((i % 100)) || set -- "$1" "$3" "$2"
	done
	said "$1" "got line 400" && whole "$1"
}

# runner: pid of "tern run", in the namespace of all
runner()
{
	pgrep -P $RUN -x tern || echo $RUN
}

killed()
{
	local pid

	read -r pid <"$(pods b)/$1/cgroup.procs"
	kill -KILL "$pid"
	ends "$1" 137 && grep -F "pod $1 was killed" "$WORK/$1/err"
}

hung_up()
{
	kill -KILL "$(runner)"
	wait_until "$LONG" test -e "$WORK/$1/hup"
}

gone()
{
	ended()
	{
		[[ ! -e $(pods a)/$1 && ! -e $(pods b)/$1 ]]
	}
	wait_until "$LONG" ended "$1"
}

# Both ways are full all the time.
through()
{
	local from=a to=b i t copy

	seq 2000000 | nsenter --target "${INIT[a]}" --mount --uts --ipc --net --pid --time -- \
		"$TERN" run --cgroup "$(pods a)" --name cat cat | md5sum >"$WORK/sum" &
	copy=$!
	wait_until "$LONG" tern a check cat || return 1
	for ((i = 1; i <= 4; i++)); do
		# it may have come to its end
		tern $from migrate cat $to --json >"$WORK/said" 2>&1 || break
		t=$from from=$to to=$t
	done
	cat "$WORK/said"
	echo "moved $((i - 1)) times"
	wait $copy && cmp "$WORK/sum" <(seq 2000000 | md5sum) && ((i > 1))
}

# A "tern run" that is stopped is not one that has ended. (nsenter(1) stops itself with it.)
patient()
{
	local runner

	runner=$(runner)
	kill -STOP "$runner"
	tern a migrate "$1" b --json && sleep 8 && has_pod b "$1" && kill -CONT "$runner" "$RUN" &&
		answers "$1" again
}

[[ -e /sys/fs/cgroup/cgroup.procs ]] || skip "needs cgroup version 2 at /sys/fs/cgroup"
plan 30
must "a program starts" run one
must "it answers" answers one here
must "it moves to b, and answers" hop one a b
must "it moves back" hop one b a
must "it moves four times while it is spoken to" many one a b
must "it moves to b" hop one a b
must "the daemons start anew" daemons_with
must "it answers" answers one "after that"
must "the daemons are killed" eval "daemon_kill a; daemon_kill b"
must "there are new ones" eval "daemon_start a && daemon_start b"
must "it answers" answers one "after that, too"
must "nothing was lost or doubled" whole one
echo end >&"$IN"
must "its exit status comes through" ends one 7
must "nothing of it is left" gone one
must "another one starts" run two
must "it moves to b" hop two a b
kill -TERM "$(runner)"
must "a signal comes through" ends two 9
must "a third one starts" run three
must "it moves to b" hop three a b
must "that it is killed there is told" killed three
must "a fourth one starts" run four
must "it moves to b" hop four a b
must "when nobody listens any more it is told so" hung_up four
must "and ends" gone four
must "much goes through one while it moves" through
must "a last one starts" run five
must "it moves while nobody listens, and waits" patient five
must "it moves back" hop five b a
must "the end of its input comes through" eval 'exec {IN}>&-; exec {IN}<>/dev/null; said five eof'
must "it can be ended" eval 'kill -TERM "$(runner)"; ends five 9'
done_testing
