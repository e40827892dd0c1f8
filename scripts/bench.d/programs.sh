# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Programs as Debian packages them, moved in the middle of their work. One whose work
# is done is started again, on host a.

PROGRAMS_DIR=/srv/shared/bench

# lives WHAT: on either host
lives()
{
	guest a program lives "$1" || guest b program lives "$1"
}

# moves_program NAME: until it has moved as often as wanted, or has been refused
moves_program()
{
	local name=$1 here=a there run=1 what='' starts=0 refused=0 said options

	options=$(guest a program options "$name")
	while ((run <= RUNS && refused < 3)); do
		if [[ -z $what ]]; then
			((starts++ <= 2 * RUNS)) || die "$name: its work is always done too soon"
			what=$(guest a program start "$name" $PROGRAMS_DIR 2>"$OUT/move.err") || break
			here=a
		fi
		say "$name${SUFFIX:-}: $run of $RUNS"
		there=$(other $here)
		# shellcheck disable=SC2086 # words are wanted
		if said=$(guest $here move "$what" $there "${ADDRESS[$there]}" $options 2>"$OUT/move.err"); then
			record "$name" "\"how\":\"tern\",\"move\":$said"
			here=$there
			run=$((run + 1))
		elif lives "$what"; then
			# what it did at that moment may be over
			refused=$((refused + 1))
		else
			what=
		fi
	done
	[[ -z $what ]] || guest $here program end "$what"
	((run > RUNS)) || program_refused "$name"
}

# Of the commit that is compared with this is a result.
program_refused()
{
	local why

	why=$(tail -n 1 "$OUT/move.err" | tr -d '"\\\r')
	[[ ${SUFFIX:-} == .base* ]] || die "$1 did not move: $why"
	say "$1$SUFFIX: $why"
	record "$1" "\"how\":\"tern\",\"refused\":\"$why\""
}

program_tern()
{
	moves_program "$1"
	yardsticks "$1"
}

measure_programs()
{
	local name host

	for host in b a; do
		guest $host program prepare $PROGRAMS_DIR || die "host $host has no programs"
	done
	for name in ${TERN_BENCH_PROGRAMS:-$(guest a program names)}; do
		! has_base || on_base moves_program "$name"
		program_tern "$name"
	done
}
