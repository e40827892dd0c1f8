#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every fault point of the module, during a migration that is prepared and during
# one that is not: whatever fails, one copy of the process lives and is well.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

TOOLS=$HERE/../tools
mapfile -t POINTS < <("$TOOLS/arm")

# fails POINT [OPTION]: it does not move, says why, and runs on where it is
fails()
{
	"$TOOLS/arm" "$1" || return 1
	if tern a migrate "$PID" b ${2:-} --json; then
		echo "it has moved"
		return 1
	fi
	lives_on hop a
}

# survives POINT [OPTION]: it moves all the same
survives()
{
	"$TOOLS/arm" "$1" && tern a migrate "$PID" b ${2:-} --json && lives_on hop b &&
		migrate "$PID" b a && lives_on hop a
}

plan $((2 + 2 * ${#POINTS[@]}))
must "a process starts" start a hop hop 4
hops=0
for point in "${POINTS[@]}"; do
	for how in "" --no-prepare; do
		case $point in
		# what runs elsewhere must be committed; a page is asked for again; who says no
		# is asked once more; and this one has neither
		# connections nor files to write
		commit | read_pages | look | refuse | sockets | gate | write_back | off)
			must "$point ${how:-prepared}: it moves all the same" survives "$point" $how
			hops=$((hops + 2))
			;;
		*)
			must "$point ${how:-prepared}: it runs on" fails "$point" $how
			;;
		esac
	done
done
must "its result is right" finish hop $hops
done_testing
