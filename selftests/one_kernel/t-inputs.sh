#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# With --with-files what a process only reads, and the other host does not have, is copied
# there before it moves; if it stays, nothing is left of it.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# only HOST NAME…: these files are there, and no others
only()
{
	[[ $(on "$1" "cd $OWN && LC_ALL=C ls -A | xargs") == "${*:2}" ]] || {
		on "$1" "ls -lA $OWN"
		return 1
	}
}

# stays SENTENCE [OPTION…]: it does not move for that reason, and nothing is left on b
stays()
{
	! tern a migrate "$PID" b "${@:2}" --json >"$WORK/said" 2>&1 || {
		echo "it has moved"
		return 1
	}
	cat "$WORK/said"
	grep -q -- "$1" "$WORK/said" && lives_on inputs a && wait_until "$LONG" only b
}

hop_with()
{
	tern "$1" migrate "$PID" "$2" --with-files "${@:3}" --json && lives_on inputs "$2" &&
		only "$1" deep input && only "$2" deep input
}

another_one()
{
	on b "mkdir -p $OWN/deep/er && echo mine >$OWN/deep/er/table" &&
		! tern a migrate "$PID" b --with-files --json >"$WORK/said" 2>&1 &&
		grep "is another one on b" "$WORK/said" && lives_on inputs a && only b deep &&
		on b "grep -q mine $OWN/deep/er/table && rm -r $OWN/deep"
}

fails()
{
	"$HERE/../tools/arm" "$1" && stays "" --with-files
}

# Kept ready, they are there; given up, they are not.
held()
{
	local id
	tern a prepare "$PID" b --with-files --json >"$WORK/held" && only b deep input &&
		id=$(grep -o '"id":"[0-9a-f]*"' "$WORK/held" | cut -d'"' -f4) &&
		tern a abort "$id" && wait_until "$LONG" only b &&
		tern a prepare "$PID" b --with-files --json && only b deep input &&
		tern a migrate "$PID" b --with-files --json && lives_on inputs b &&
		only b deep input
}

# What somebody writes to on b meanwhile is not what the process has read here, and is his.
tampered()
{
	tern a prepare "$PID" b --with-files --json && only b deep input &&
		on b "echo mine >>$OWN/deep/er/table" &&
		! tern a migrate "$PID" b --with-files --json >"$WORK/said" 2>&1 &&
		grep "has changed on b" "$WORK/said" && lives_on inputs a &&
		wait_until "$LONG" only b deep && on b "grep -a mine $OWN/deep/er/table" &&
		forget b
}

# One that others write to stays with them.
growing()
{
	local reader writer stays=false
	on a "echo >$OWN/log; exec 3<$OWN/log; sleep 1000 >/dev/null 2>&1 </dev/null &
		echo \$! >$WORK/reader
		sleep 1000 >>$OWN/log 2>&1 </dev/null 3<&- &
		echo \$! >$WORK/writer"
	reader=$(<"$WORK/reader") writer=$(<"$WORK/writer")
	! tern a migrate "$reader" b --with-files --json >"$WORK/said" 2>&1 &&
		grep "others have it open for writing" "$WORK/said" &&
		there a "$reader" && wait_until "$LONG" only b && stays=true
	on a "kill $reader $writer; rm $OWN/log" && $stays
}

# remove HOST: as if the files had never been there
forget()
{
	on "$1" "rm -rf $OWN/input $OWN/deep"
}

plan 17
OWN=$WORK/own
must "each host has a directory" own true
must "a process that reads local files starts" start a inputs inputs 5 "$OWN"
must "a file that others write to is a reason to stay" growing
must "it is refused without the option" stays "is not on b: make it there"
must "another file of that name is not touched" another_one
for point in become resume; do
	must "$point fails: nothing is left" fails "$point"
done
must "it moves, and they are copied" hop_with a b
must "they are there: it moves back without the option" hop inputs b a
must "they are gone from b" forget b
must "it moves, not prepared, and they are copied" hop_with a b --no-prepare
must "they are gone from a" forget a
must "it moves back, and they are copied" hop_with b a
must "they are gone from b again" forget b
must "a copy that somebody has changed is not taken" tampered
must "kept ready, they are there; given up, they are not" held
must "all is what it was" finish inputs 5
done_testing
