# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What moves cost a job: the same computation with 0, 1 and 10 of them.

JOB_SECONDS=${TERN_BENCH_JOB_SECONDS:-25}
JOB_TRIAL=200000	# steps
JOB_MOVES="0 1 10"

# job_time NAME STEPS MOVES: sets $said to its record, $moved to the moves that it
# had before it ended
job_time()
{
	local name=$1 here=a there pid move

	moved=0
	pid=$(guest a start "$name" job.py "$2")
	for ((move = 1; move <= $3; move++)); do
		there=$(other $here)
		guest $here move "$pid" "$there" - >>"$OUT/job.moves" || {
			guest $here wait "$name" 1 >/dev/null ||
				die "job: pid $pid did not move from $here to $there"
			say "job: it ended after $moved moves; TERN_BENCH_JOB_SECONDS makes it longer"
			break
		}
		moved=$move
		here=$there
	done
	said=$(guest $here wait "$name" $((10 * JOB_SECONDS))) || die "job: no end of pid $pid on $here"
}

measure_job()
{
	local steps said moved run moves

	job_time job-trial $JOB_TRIAL 0
	steps=$(python3 -c 'import json, sys
print(int(int(sys.argv[1]) * int(sys.argv[2]) * 1e9 / json.loads(sys.argv[3])["job"]))' \
		$JOB_TRIAL "$JOB_SECONDS" "$said")
	for ((run = 1; run <= JOB_RUNS; run++)); do
		for moves in $JOB_MOVES; do
			say "job with $moves moves: $run of $JOB_RUNS"
			job_time "job-$moves-$run" "$steps" "$moves"
			record "job-$moves" "\"how\":\"job\",\"moves\":$moved,\"job\":$said"
		done
	done
}
