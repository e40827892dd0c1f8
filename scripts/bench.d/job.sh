# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What moves cost a job: the same computation with 0, 1 and 10 of them.

JOB_SECONDS=${TERN_BENCH_JOB_SECONDS:-25}
JOB_TRIAL=200000	# steps
JOB_MOVES="0 1 10"

# job_time STEPS MOVES: sets $said to its record
job_time()
{
	local here=a there pid move

	pid=$(guest a start job job.py "$1")
	for ((move = 1; move <= $2; move++)); do
		there=$(other $here)
		guest $here move "$pid" "$there" - >>"$OUT/job.moves" ||
			die "job: pid $pid did not move from $here to $there"
		here=$there
	done
	said=$(guest $here wait job $((10 * JOB_SECONDS))) || die "job: no end of pid $pid on $here"
}

measure_job()
{
	local steps said run moves

	job_time $JOB_TRIAL 0
	steps=$(python3 -c 'import json, sys
print(int(int(sys.argv[1]) * int(sys.argv[2]) * 1e9 / json.loads(sys.argv[3])["job"]))' \
		$JOB_TRIAL "$JOB_SECONDS" "$said")
	for ((run = 1; run <= JOB_RUNS; run++)); do
		for moves in $JOB_MOVES; do
			say "job with $moves moves: $run of $JOB_RUNS"
			job_time "$steps" "$moves"
			record "job-$moves" "\"how\":\"job\",\"job\":$said"
		done
	done
}
