#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A process and its descendants move together, or not at all.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# processes HOST: how many of them are there, alive
processes()
{
	on "$1" 'ps -C tree -o stat=' | grep -cv Z
}

are_on()
{
	[[ $(processes "$1") == 8 && $(processes "$2") == 0 ]]
}

# all_on HOST OTHER
all_on()
{
	wait_until "$LONG" are_on "$1" "$2" || {
		echo "on $1: $(processes "$1"), on $2: $(processes "$2")"
		return 1
	}
	beating tree
}

hop_tree()
{
	migrate "$PID" "$1" "$2" "${@:3}" && all_on "$2" "$1"
}

# Whatever fails, for whichever of them: all of them run on here.
fails()
{
	"$HERE/../tools/arm" "$1" && ! migrate "$PID" a b && all_on a b
}

# What they had in common is not left here.
none_left()
{
	gone()
	{
		! on a "ipcs -m" | grep -q '^0x'
	}
	wait_until "$LONG" gone || {
		on a "ipcs -m"
		return 1
	}
}

plan 15
must "a process with descendants starts" start a tree tree 4
must "they move to b" hop_tree a b
must "nothing is left on a" none_left
must "all is what it was" verified tree 1
must "they move back, not prepared" hop_tree b a --no-prepare
must "all is what it was" verified tree 2
for fault in park_save capture sent shell load resume; do
	must "after a failure ($fault) all of them are here" fails $fault
done
must "they move to b" hop_tree a b
must "they move back" hop_tree b a
must "all is what it was" finish tree 4
done_testing
