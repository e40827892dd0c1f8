# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The lab of the benchmark: two hosts with Tern, CRIU and the bench's programs.

GUEST_DIR=/usr/local/lib/tern/bench
PROGRAMS=build/bench
declare -A ADDRESS=([a]=10.77.0.11 [b]=10.77.0.12)

lab()
{
	scripts/lab "$@" </dev/null
}

# guest HOST COMMAND…: see bench.d/guest/guest
guest()
{
	timeout "${TERN_BENCH_PATIENCE:-400}" scripts/lab exec "$1" "$GUEST_DIR/guest" "${@:2}" </dev/null
}

machine_packages()
{
	local missing=()

	type -P gnuplot >/dev/null || missing+=(gnuplot-nox)
	((${#missing[@]})) || return 0
	say "installing ${missing[*]}"
	{
		apt-get -q -o DPkg::Lock::Timeout=600 update &&
			DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 \
				install --no-install-recommends "${missing[@]}"
	} >"$OUT/packages.log" 2>&1 || die "cannot install ${missing[*]}: $OUT/packages.log"
}

build_programs()
{
	make -s -C scripts/bench.d/guest OUT="$PWD/$PROGRAMS"
	install -t "$PROGRAMS" scripts/bench.d/guest/{guest,program,pod,namespace,one-clock,*.sh,*.py}
	install -D -t "$PROGRAMS/programs" selftests/programs/*
}

# Images and process of heap-1g must fit at once.
lab_memory()
{
	local free

	free=$(awk '/^MemAvailable/ { print int($2 / 1024 / 1024) }' /proc/meminfo)
	((free < 10)) || echo 4096M
}

# lab_up HOSTS…
lab_up()
{
	local host

	TERN_LAB_MEM=${TERN_LAB_MEM:-$(lab_memory)}
	[[ -z $TERN_LAB_MEM ]] || export TERN_LAB_MEM
	lab up $# >&2
	deploy . "$@"
	for host; do
		lab exec "$host" "rm -rf $GUEST_DIR"
		lab push "$host" "$PROGRAMS" "$GUEST_DIR"
	done
}

# Both hosts read the same clock of the machine at boot, but only its seconds.
set_clocks()
{
	local ahead

	ahead=$(guest a clock "${ADDRESS[b]}")
	ahead=${ahead#\[}
	lab exec b "$GUEST_DIR/yardstick" set-clock "$((-${ahead%,*}))"
}

two_hosts_up()
{
	local host

	lab_up a b
	for host in a b; do
		# it needs iptables to hold connections
		! has_part criu || lab install "$host" criu iptables >&2
		guest "$host" prepare "${ADDRESS[$host]}"
	done
	set_clocks
}

lab_down()
{
	lab down >/dev/null
}
