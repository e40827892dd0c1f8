# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Moves, to and fro. Each is a line of JSON in $RUNS_FILE: what moved it, what the
# mover says, what the migrant itself has seen, the clocks before and after. A case
# is given $SUFFIX in its record, where it is measured in another kind of lab.

# record CASE MEMBERS
record()
{
	printf '{"case":"%s%s",%s}\n' "$1" "${SUFFIX:-}" "$2" >>"$RUNS_FILE"
}

# Whom to ask how far a host's clock is ahead; nobody where all have the same.
clock_of()
{
	echo "${ONE_CLOCK:-${ADDRESS[$1]}}"
}

# move_tern CASE HOW PID HOST [OPTION…]: from HOST to the other one
move_tern()
{
	local case=$1 how=$2 pid=$3 here=$4 there said beat
	there=$(other "$here")

	said=$(guest "$here" move "$pid" "$there" "$(clock_of "$there")" "${@:5}") ||
		die "$case: pid $pid did not move from $here to $there"
	sleep "${LINGER:-0}"
	beat=$(guest "$there" report "$case" "$pid") || die "$case: no report from $there"
	record "$case" "\"how\":\"$how\",\"move\":$said,\"beat\":$beat$(${AFTER_MOVE:-true})"
}

# moves_tern CASE HOW RUNS [OPTION…]: a fresh migrant; $BEFORE_MOVE, if set, is
# called with the host before each move; what $AFTER_MOVE prints belongs to the record.
moves_tern()
{
	local case=$1 how=$2 runs=$3 here=a pid run

	pid=$(migrant_start a "$case") || die "$case does not start"
	for ((run = 1; run <= runs; run++)); do
		say "$case: tern${how#tern} $run of $runs"
		${BEFORE_MOVE:-true} "$here"
		move_tern "$case" "$how" "$pid" "$here" "${@:4}"
		here=$(other "$here")
	done
	guest "$here" end "$pid"
}

# move_criu CASE MODE PID HOST: fails if CRIU does
move_criu()
{
	local case=$1 mode=$2 pid=$3 here=$4 there before after beat job
	there=$(other "$here")

	sleep 1
	before=$(guest "$here" clock "$(clock_of "$there")")
	guest "$there" receive "${ADDRESS[$there]}" "$mode" "${ADDRESS[$here]}" \
		>"$OUT/receive" 2>"$OUT/receive.err" &
	job=$!
	if ! guest "$here" send "${ADDRESS[$there]}" "$mode" "${ADDRESS[$here]}" "$pid" \
		>"$OUT/send" 2>"$OUT/send.err"; then
		wait "$job"
		return 1
	fi
	wait "$job" || return 1
	after=$(guest "$here" clock "$(clock_of "$there")")
	beat=$(guest "$there" report "$case" "$pid") || return 1
	record "$case" "\"how\":\"criu-$mode\",\"move\":{\"clock\":[$before,$after],\"send\":$(<"$OUT/send"),\"receive\":$(<"$OUT/receive")},\"beat\":$beat"
}

# What CRIU cannot do is a result, too.
criu_refused()
{
	local why

	# its first error tells most; else what was said last
	why=$(cat "$OUT/send.err" "$OUT/receive.err" | tr -d '"\\\r' |
		awk '/Error/ { print; found = 1; exit } { last = $0 } END { if (!found) print last }')
	say "$1: CRIU cannot ($2): $why"
	record "$1" "\"how\":\"criu-$2\",\"refused\":\"$why\""
}

# moves_criu CASE MODE RUNS: a fresh migrant
moves_criu()
{
	local case=$1 mode=$2 runs=$3 here=a pid run

	pid=$(migrant_start a "$case") || die "$case does not start"
	for ((run = 1; run <= runs; run++)); do
		say "$case: criu, $mode, $run of $runs"
		move_criu "$case" "$mode" "$pid" "$here" || {
			criu_refused "$case" "$mode"
			break
		}
		here=$(other "$here")
	done
	guest a end "$pid"
	guest b end "$pid"
}

# yardsticks CASE: with the blast that it had, moved in the usual way
yardsticks()
{
	local blast said

	blast=$(sed -n "s/^{\"case\":\"$1${SUFFIX:-}\",\"how\":\"tern\",.*\"blast_bytes\":\([0-9]*\).*/\1/p" "$RUNS_FILE" |
		tail -n 1)
	said=$(guest a yardsticks "${ADDRESS[b]}" "${YARDSTICK_ROUNDS:-50}" "${blast:-4096}")
	record "$1" "\"how\":\"yardsticks\",\"yardsticks\":$said"
}
