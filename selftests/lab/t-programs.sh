# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# Programs as Debian packages them, moved there and back in the middle of their work.
# What each makes must be what it makes when nobody moves it.

RUN=/usr/local/lib/tern/selftests/programs/run
PIDS_FILE=/srv/shared/tests/pids
declare -A MOVED=() STILL=()

read -ra names < <(on a "$RUN names" | xargs)
((${#names[@]} > 5)) || skip "needs hosts with programs: TERN_LAB_PROGRAMS=1 scripts/lab up"

# stay NAME HOW: let it work on b, where nobody moves it.
stay()
{
	STILL[$1]=$(on b "$RUN start $1 $SHARED/$1.$2 | tee -a $PIDS_FILE")
}

# back NAME: from b to a, if it has not come to its end on b: how fast the machine is decides
# that. What it has made there counts as well, but of many it would be no test.
ENDED=0
back()
{
	local pid=${MOVED[$1]}

	if (migrate "$pid" b a) >back 2>&1; then
		note "$1: there and back"
		return
	fi
	if guest b there "$pid" || guest a there "$pid"; then
		cat back
		fail "$1 did not move back"
	fi
	note "$1: there, where it has ended"
	((++ENDED <= 3)) || fail "$ENDED programs have ended too soon: give them more to do"
}

# same NAME HOW: has the one that was moved made what that one has?
same()
{
	on a "$RUN result $1 $SHARED/$1.moved" >moved 2>&1 &&
		on a "$RUN result $1 $SHARED/$1.$2" >unmoved 2>&1 && cmp moved unmoved && return
	note "$1 has not made what it has made unmoved:"
	on a "$RUN tell $SHARED/$1.moved; $RUN tell $SHARED/$1.$2" | sed 's/^/#   /'
	return 1
}

on a "$RUN input $SHARED"
plain=$MODE
for name in "${names[@]}"; do
	MODE="$plain $(on a "$RUN options $name")"
	MOVED[$name]=$(on a "$RUN start $name $SHARED/$name.moved | tee -a $PIDS_FILE")
	sleep 2
	migrate "${MOVED[$name]}" a b
	back "$name"
done
for name in "${names[@]}"; do
	stay "$name" still
done
for name in "${names[@]}"; do
	guest a gone "${MOVED[$name]}" $((5 * LONG)) && guest b gone "${STILL[$name]}" $((5 * LONG)) ||
		fail "$name does not end"
done
bad=0
for name in "${names[@]}"; do
	same "$name" still && continue
	# which of the two is right?
	stay "$name" again
	guest b gone "${STILL[$name]}" $((5 * LONG)) || fail "$name does not end"
	same "$name" again && continue
	bad=$((bad + 1))
done
((bad == 0)) || fail "$bad programs of ${#names[@]} have not made what they should"
