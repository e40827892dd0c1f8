#!/bin/bash
# A script with children, pipes and a group of jobs: sorts numbers in several ways, N times.
set -euo pipefail

numbers()
{
	seq "$1" $(($1 + 4000)) | while read -r n; do
		echo $((n * 7919 % 10007)) "$n"
	done
}

for ((i = 0; i < $1; i++)); do
	numbers $((i * 1000)) | tee numbers | sort -k2 | tail -n 1
	sort -n numbers | cksum >"made.$i"
	# jobs that are waited for one by one, and how they end
	(exit $((i % 5))) &
	first=$!
	(sleep 0.1 && kill -TERM $BASHPID) &
	second=$!
	wait $first || echo "first $?"
	wait $second || echo "second $?"
done
