# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Another commit, $TERN_BENCH_BASE, that the same cases are measured with in turn.
# Only Tern itself is that commit's: the lab and what is moved are those of this tree.

BASE=${TERN_BENCH_BASE:-}
BASE_DIR=
DEPLOYED=.

has_base()
{
	[[ -n $BASE ]]
}

build_base()
{
	local commit

	commit=$(git rev-parse --verify --short=12 "$BASE^{commit}") || die "no commit $BASE"
	BASE_DIR=build/base-$commit
	[[ ! -e $BASE_DIR/built ]] || return 0
	say "building $commit, to compare with"
	rm -rf "$BASE_DIR"
	mkdir -p "$BASE_DIR"
	git archive "$commit" | tar -x -C "$BASE_DIR"
	make -C "$BASE_DIR" build >"$OUT/base.log" 2>&1 || die "cannot build it: $OUT/base.log"
	touch "$BASE_DIR/built"
}

# deploy DIR HOST…: of Tern what was built there
deploy()
{
	local host

	DEPLOYED=$1
	# what a daemon has started ends a moment after it, and keeps the module until then
	for host in "${@:2}"; do
		lab exec "$host" '! type -P ternd-ctl >/dev/null || {
			ternd-ctl stop
			for i in {1..100}; do
				! ternd-ctl unload 2>/dev/null || break
				sleep 0.1
			done
		}'
	done
	"$1/scripts/deploy" "${@:2}" >&2 || die "cannot deploy $1"
}

# on_base COMMAND…: between two hosts
on_base()
{
	local SUFFIX=.base

	deploy "$BASE_DIR" a b
	"$@"
	deploy . a b
}
