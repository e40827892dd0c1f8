# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The same in one host whose network namespaces play two: gaps are exact, for
# there is one clock. And in one whose clock counts instructions.

ONE_CLOCK_CASES=${TERN_BENCH_ONE_CLOCK_CASES:-sleep python3-10 threads-64}
# where instructions are counted, "messages" (clients.sh), too; empty: not
ICOUNT_CLIENTS=${TERN_BENCH_ICOUNT_CLIENTS-messages}
# "first" of ternd.conf(5), without "recent"; and the usual way. And what for
FIRST=${TERN_BENCH_FIRST:-none 0 8 32 128 512 usual}
FIRST_CASES="python3-10 python3-100 threads-64"

# one_clock SUFFIX CASES FIRST_CASES [CLIENTS]
one_clock()
{
	local criu=0

	! has_part criu || criu=$CRIU_RUNS
	lab exec a "mkdir -p $GUEST_DIR/one_kernel"
	lab push a scripts/bench.d/{common,migrant,move,clients}.sh "$GUEST_DIR"
	lab push a "$DEPLOYED/selftests/one_kernel/lib.sh" "$GUEST_DIR/one_kernel"
	# a base may be older than that
	lab push a selftests/one_kernel/segment.sh "$GUEST_DIR/one_kernel"
	lab exec a "ternd-ctl stop"
	lab exec a "SUFFIX=$1 RUNS=$RUNS CRIU_RUNS=$criu CASES='$2' \
		FIRST_CASES='$3' FIRST='$FIRST' CLIENTS='${4:-}' $GUEST_DIR/one-clock" \
		>>"$RUNS_FILE" || die "the cases with one clock failed"
	lab exec a "ternd-ctl start"
}

measure_one_clock()
{
	say "one clock: ${ONE_CLOCK_CASES}"
	one_clock .one_clock "$ONE_CLOCK_CASES" ""
}

# A lab of its own, with one processor.
ICOUNT_LAB=$TERN_LAB-icount

icount_down()
{
	TERN_LAB=$ICOUNT_LAB lab down >/dev/null
}

measure_icount()
{
	local TERN_LAB=$ICOUNT_LAB cases='' first='' clients=''

	export TERN_LAB
	! has_part icount || {
		cases=$ONE_CLOCK_CASES
		clients=$ICOUNT_CLIENTS
	}
	! has_part first || first=$FIRST_CASES
	say "a clock that counts instructions: $cases $clients${first:+; first pages: $first}"
	trap icount_down EXIT
	TERN_LAB_ICOUNT=1 TERN_LAB_BOOT_WAIT=600 lab_up a
	! has_part criu || lab install a criu >&2
	if has_base && [[ $cases ]]; then
		deploy "$BASE_DIR" a
		one_clock .icount.base "$cases" ""
		deploy . a
	fi
	one_clock .icount "$cases" "$first" "$clients"
	lab check
	icount_down
	trap - EXIT
}
