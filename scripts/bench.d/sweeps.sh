# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the latency period depends on: one size of the migrant at a time.

# sweep_points: cases; those that have been measured already are not again
sweep_points()
{
	local n

	for n in ${TERN_BENCH_MIB:-16 64 256 1024}; do
		if ((n % 1024)); then
			echo "heap-$n"
		else
			echo "heap-$((n / 1024))g"
		fi
	done
	printf 'mappings-%s\n' ${TERN_BENCH_MAPPINGS:-10 100 1000 10000}
	printf 'threads-%s\n' ${TERN_BENCH_THREADS:-1 10 100 1000}
	printf 'fds-%s\n' ${TERN_BENCH_FDS:-10 100 1000 10000}
}

measure_sweeps()
{
	local case

	for case in $(sweep_points); do
		grep -q "^{\"case\":\"$case\",\"how\":\"tern\"" "$RUNS_FILE" ||
			moves_tern "$case" tern "$SWEEP_RUNS"
	done
}
