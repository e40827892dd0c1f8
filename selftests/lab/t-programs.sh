# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# Programs as Debian packages them, moved there and back in the middle of their work.
# What each makes must be what it makes when nobody moves it.

RUN=/usr/local/lib/tern/selftests/programs/run
PIDS_FILE=/srv/shared/tests/pids
declare -A MOVED=() STILL=()

read -ra names < <(on a "$RUN names" | xargs)
((${#names[@]} > 2)) || skip "needs hosts with programs: TERN_LAB_PROGRAMS=1 scripts/lab up"

on a "$RUN input $SHARED"
for name in "${names[@]}"; do
	MOVED[$name]=$(on a "$RUN start $name $SHARED/$name.moved | tee -a $PIDS_FILE")
	sleep 2
	migrate "${MOVED[$name]}" a b
	migrate "${MOVED[$name]}" b a
	guest a there "${MOVED[$name]}" || fail "$name has ended too soon"
	note "$name: there and back"
done
for name in "${names[@]}"; do
	STILL[$name]=$(on b "$RUN start $name $SHARED/$name.still | tee -a $PIDS_FILE")
done
for name in "${names[@]}"; do
	guest a gone "${MOVED[$name]}" $((5 * LONG)) && guest b gone "${STILL[$name]}" $((5 * LONG)) ||
		fail "$name does not end"
done
bad=0
for name in "${names[@]}"; do
	on a "$RUN result $name $SHARED/$name.moved" >moved 2>&1 &&
		on a "$RUN result $name $SHARED/$name.still" >still 2>&1 && cmp moved still && continue
	note "$name: $(head -n 3 moved | xargs), unmoved: $(head -n 3 still | xargs)"
	bad=$((bad + 1))
done
((bad == 0)) || fail "$bad programs of ${#names[@]} have not made what they should"
