# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# What a process does at once on arrival, with pages missing: the link is slow.

MODE=--mode=lazy
start a exec exec
start a after after all
for name in exec after; do
	lab netem a rate 40mbit
	migrate "${PIDS[$name]}" a b
	lab netem a off
	verdict "$name" b
	hops 1
done
