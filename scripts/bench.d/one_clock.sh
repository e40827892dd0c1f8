# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The same in one host whose network namespaces play two: gaps are exact, for
# there is one clock. And in one whose clock counts instructions.

ONE_CLOCK_CASES=${TERN_BENCH_ONE_CLOCK_CASES:-sleep python3-10 threads-64}

# one_clock SUFFIX
one_clock()
{
	local criu=0

	! has_part criu || criu=$CRIU_RUNS
	lab exec a "mkdir -p $GUEST_DIR/one_kernel"
	lab push a scripts/bench.d/{common,migrant,move}.sh "$GUEST_DIR"
	lab push a selftests/one_kernel/lib.sh "$GUEST_DIR/one_kernel"
	lab exec a "ternd-ctl stop"
	lab exec a "SUFFIX=$1 RUNS=$RUNS CRIU_RUNS=$criu CASES='$ONE_CLOCK_CASES' \
		$GUEST_DIR/one-clock" \
		>>"$RUNS_FILE" || die "the cases with one clock failed"
	lab exec a "ternd-ctl start"
}

measure_one_clock()
{
	say "one clock: ${ONE_CLOCK_CASES}"
	one_clock .one_clock
}

# A lab of its own, with one processor.
ICOUNT_LAB=$TERN_LAB-icount

icount_down()
{
	TERN_LAB=$ICOUNT_LAB lab down >/dev/null
}

measure_icount()
{
	local TERN_LAB=$ICOUNT_LAB

	export TERN_LAB
	say "a clock that counts instructions: ${ONE_CLOCK_CASES}"
	trap icount_down EXIT
	TERN_LAB_ICOUNT=1 TERN_LAB_BOOT_WAIT=600 lab_up a
	! has_part criu || lab install a criu >&2
	one_clock .icount
	lab check
	icount_down
	trap - EXIT
}
