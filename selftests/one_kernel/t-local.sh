#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# With --with-files what a process writes to on a local disk moves with it, and is no
# more where it was; if the process stays, so does that.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# files HOST: what is there
files()
{
	on "$1" "cd $OWN && LC_ALL=C ls -A | xargs"
}

# only HOST NAME…: these files are there, and no others
only()
{
	[[ $(files "$1") == "${*:2}" ]] || {
		echo "on $1 there is $(files "$1")"
		return 1
	}
}

# has HOST FILES
has()
{
	[[ $(files "$1") == "$2" ]]
}

# stays SENTENCE [OPTION…]: it does not move for that reason, and all is as it was
stays()
{
	local before
	before=$(files b)

	! tern a migrate "$PID" b "${@:2}" --json >"$WORK/said" 2>&1 || {
		echo "it has moved"
		return 1
	}
	cat "$WORK/said"
	grep -q -- "$1" "$WORK/said" && lives_on local a && wait_until "$LONG" has b "$before"
}

# hop_with FROM TO NUMBER [OPTION…]: its files are there, and nowhere else; directories are
hop_with()
{
	tern "$1" migrate "$PID" "$2" --with-files "${@:4}" --json && lives_on local "$2" &&
		only "$1" config sub && wait_until "$LONG" renamed "$2" "$3"
}

renamed()
{
	on "$1" "[ -e $OWN/journal.$2 ]"
}

checks()
{
	! tern a check "$PID" && tern a check "$PID" --with-files
}

# A file of that name on b is somebody's.
in_the_way()
{
	on b "echo mine >$OWN/table" && stays "table is there already on b" --with-files &&
		on b "grep -q mine $OWN/table && rm $OWN/table"
}

# A file that it has mapped, and not open, others have.
others_map()
{
	on a "sleep 1000 <$OWN/ring >/dev/null 2>&1 & echo \$! >$WORK/holder" &&
		stays "a local file that others have open, too: /ring" --with-files && on a "kill \$(cat $WORK/holder)"
}

others_open()
{
	on a "sleep 1000 <$OWN/scratch >/dev/null 2>&1 & echo \$! >$WORK/holder" &&
		stays "a local file that others have open, too" --with-files &&
		on a "kill \$(cat $WORK/holder)"
}

two_names()
{
	on a "ln $OWN/table $OWN/other" &&
		stays "a local file that has other names" --with-files && on a "rm $OWN/other"
}

# fails POINT: nothing is left behind on b
fails()
{
	"$HERE/../tools/arm" "$1" && stays "" --with-files
}

plan 17
OWN=$WORK/own
must "each host has a directory" own "echo same >config"
must "a process with local files starts" start a local local 4 "$OWN"
must "it is refused without the option" stays "use --with-files"
must "the check says so, too" checks
must "a file that is there is not overwritten" in_the_way
must "a file that others have open stays" others_open
must "a file that others have open stays, if it is only mapped, too" others_map
must "a file with two names stays" two_names
for point in sent become resume; do
	must "$point fails: its files stay" fails "$point"
done
must "it moves with its files" hop_with a b 1
must "it moves back, not prepared" hop_with b a 2 --no-prepare
must "it moves with its files, not prepared" hop_with a b 3 --no-prepare
must "it moves back" hop_with b a 4
must "all is what it was" finish local 4
must "and where it was" only a config journal.4 pid ring scratch sub table
done_testing
