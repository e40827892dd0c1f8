# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Two hosts on one kernel. Each is a network namespace, which makes it a host for
# Tern, with namespaces of pids, mounts, names, IPC and clocks beside it; a veth
# pair is the cable. Host b's clocks are weeks ahead of those of host a.
#
# A test is a script t-NAME.sh that says "plan N", then makes N assertions with
# "must"; the first that does not hold ends it. Ending the init of each pid
# namespace ends everything that a test has started, even if it is killed itself.
#
# Programs come from $TERND, $TERN, $TERN_SHELL, $TERN_INIT and $TERND_CTL, or from where
# scripts/deploy puts them, or from this source tree.
set -uo pipefail

# The runner's pipes and logs would be a migrant's, too, and cannot move.
for fd in {3..9}; do
	exec {fd}>&-
done

HERE=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")")
# seconds for what should take one, on a busy emulated machine
LONG=${TERN_TEST_LONG:-120}
CLOCKS_AHEAD=2000000

declare -A INIT=()	# of each host: pid of its init, outside
declare -A PIDS=()	# of each migrant, by its name
declare -A PODS=()	# likewise, of those in pods
WORK=
number=0

# ---- TAP ------------------------------------------------------------------------

note()
{
	echo "# $*"
}

skip()
{
	echo "1..0 # SKIP $*"
	exit 4
}

# must WHAT COMMAND…: an assertion. What the command prints is shown if it fails.
must()
{
	local what=$1 output=$WORK/output
	shift

	number=$((number + 1))
	if "$@" >"$output" 2>&1; then
		echo "ok $number $what"
		return
	fi
	sed 's/^/# /' "$output"
	readlink "$WORK"/*/verdict | sed 's/^/# /'
	for host in "${!INIT[@]}"; do
		tail -n 15 "$WORK/$host/log" 2>/dev/null | sed "s/^/# ternd $host: /"
	done
	for name in "${!PIDS[@]}"; do
		[[ ! -L $WORK/$name/verdict ]] || echo "# $name: $(readlink "$WORK/$name/verdict")"
	done
	echo "not ok $number $what"
	exit 1
}

# plan N: before anything else. "done_testing" adds the last one.
plan()
{
	((EUID == 0)) || skip "needs root"
	[[ -c /dev/tern ]] || skip "needs /dev/tern: load tern.ko"
	for tool in unshare nsenter setpriv setsid ip tc; do
		command -v "$tool" >/dev/null || skip "needs $tool"
	done
	TERND=$(program "${TERND:-}" /usr/local/sbin/ternd ../../userd/ternd) &&
		TERN=$(program "${TERN:-}" /usr/local/bin/tern ../../userd/tern) &&
		TERN_SHELL=$(program "${TERN_SHELL:-}" /usr/local/lib/tern/tern-shell \
			../../userd/tern-shell) &&
		TERN_INIT=$(program "${TERN_INIT:-}" /usr/local/lib/tern/tern-init \
			../../userd/tern-init) &&
		TERND_CTL=$(program "${TERND_CTL:-}" /usr/local/sbin/ternd-ctl \
			../../scripts/deploy.d/ternd-ctl) || skip "needs what userd/ builds"
	export TERND TERN_INIT
	echo "TAP version 13"
	echo "1..$(($1 + 1))"
	WORK=$(mktemp -d)
	trap clean_up EXIT
	taint=$(</proc/sys/kernel/tainted)
	references=$(references)
	host_up a 10000 0
	host_up b 20000 $CLOCKS_AHEAD
	cable_up
	daemon_start a || bail_out "no daemon on a: $(tail -n 3 "$WORK/a/log")"
	daemon_start b || bail_out "no daemon on b: $(tail -n 3 "$WORK/b/log")"
}

# done_testing: after everything else.
done_testing()
{
	must "nothing is left" all_gone
}

bail_out()
{
	echo "Bail out! $*"
	exit 1
}

# The first that is executable, of: what was asked for, installed, built here.
program()
{
	local path

	cd "$HERE" || return 1
	for path; do
		[[ -z $path || ! -x $path ]] || {
			readlink -f "$path"
			return
		}
	done
	return 1
}

# ---- hosts ------------------------------------------------------------------------

wait_until()
{
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.1
	done
}

# host_up HOST PID SECONDS: its pids begin at PID, its clocks are SECONDS ahead.
host_up()
{
	local outer

	mkdir "$WORK/$1"
	# init ignores SIGCHLD, so that whoever was orphaned and ends is gone
	setpriv --pdeathsig KILL unshare --pid --fork --kill-child --mount-proc --mount \
		--net --uts --ipc --time --monotonic "$3" --boottime "$3" \
		env --ignore-signal=CHLD sleep infinity </dev/null >"$WORK/$1/init" 2>&1 &
	outer=$!
	inner()
	{
		INIT[$1]=$(<"/proc/$2/task/$2/children") && INIT[$1]=${INIT[$1]% } &&
			[[ $(cat "/proc/${INIT[$1]:-none}/comm") == sleep ]]
	} 2>/dev/null
	wait_until "$LONG" inner "$1" $outer || bail_out "host $1: $(<"$WORK/$1/init")"
	on "$1" "ip link set lo up && hostname one-kernel-$1 && mkdir -p /run/tern &&
		mount -t tmpfs run /run/tern && ln -s one-kernel-$1 /run/tern/host && echo $2 >/proc/sys/kernel/ns_last_pid" ||
		bail_out "host $1 cannot be set up"
}

cable_up()
{
	# b's init has this pid only outside
	nsenter --target "${INIT[a]}" --net \
		ip link add data type veth peer name data netns "${INIT[b]}" ||
		bail_out "no veth pair"
	on a "ip address add 10.99.0.1/24 dev data && ip link set data up" &&
		on b "ip address add 10.99.0.2/24 dev data && ip link set data up" ||
		bail_out "the veth pair cannot be set up"
	configure
}

# pods HOST: where its pods have their control groups
pods()
{
	echo "/sys/fs/cgroup/tern-test-$$-$1"
}

config()
{
	cat >"$WORK/$1/ternd.conf" <<-EOS
	name = $1
	listen = $2
	peer = $3 $4
	shell = $TERN_SHELL
	cgroup = $(pods "$1")
	EOS
	printf '%s\n' "${@:5}" >>"$WORK/$1/ternd.conf"
}

# configure [LINE…]: of both hosts, with these lines beside the usual ones
configure()
{
	config a 10.99.0.1 b 10.99.0.2 "$@"
	config b 10.99.0.2 a 10.99.0.1 "$@"
}

# in_host HOST COMMAND…, and on HOST LINE: run it in a host.
in_host()
{
	nsenter --target "${INIT[$1]}" --mount --uts --ipc --net --pid --time -- "${@:2}" \
		</dev/null
}

on()
{
	in_host "$1" bash -c "$2"
}

# own LINE: $WORK/own is a directory that each host has of its own, under one name; a
# line of shell that fills it
own()
{
	local host

	mkdir "$WORK/own"
	for host in a b; do
		on "$host" "mount -t tmpfs own $WORK/own && cd $WORK/own && $1" || return 1
	done
}

tern()
{
	in_host "$1" "$TERN" "${@:2}"
}

# slow HOST RATE, slow HOST off: what the host sends; the queue is short, so that
# a page that is asked for comes soon
slow()
{
	if [[ $2 == off ]]; then
		in_host "$1" tc qdisc del dev data root
	else
		in_host "$1" tc qdisc replace dev data root tbf rate "$2" burst 64kb latency 100ms
	fi
}

daemon()
{
	local conf=$WORK/$1/ternd.conf

	in_host "$1" env TERND_CONF="$conf" TERND_RUN="$WORK/$1" TERND_LOG="$WORK/$1/log" \
		"$TERND_CTL" "$2"
}

daemon_start()
{
	daemon "$1" start
}

# daemons_with [LINE…]: both anew, with these lines in their configurations
daemons_with()
{
	daemon a stop && daemon b stop && configure "$@" && daemon_start a && daemon_start b
}

# SIGKILL
daemon_kill()
{
	daemon "$1" kill
}

references()
{
	cat /sys/module/tern/refcnt 2>/dev/null || echo 0
}

hosts_down()
{
	local host

	for host in "${!INIT[@]}"; do
		kill -KILL "${INIT[$host]}" 2>/dev/null
	done
	wait
}

all_gone()
{
	local host mine

	hosts_down
	for host in "${!INIT[@]}"; do
		[[ ! -e /proc/${INIT[$host]} ]] || {
			echo "the init of $host is still there"
			return 1
		}
	done
	mine()
	{
		(($(references) <= references))
	}
	wait_until 30 mine || {
		echo "tern.ko has $(references) references and had $references"
		return 1
	}
	[[ $(</proc/sys/kernel/tainted) == "$taint" ]] || {
		echo "the kernel has complained: see its log"
		return 1
	}
}

clean_up()
{
	local host

	hosts_down 2>/dev/null
	for host in "${!INIT[@]}"; do
		find "$(pods "$host")" -depth -type d -exec rmdir {} + 2>/dev/null
	done
	rm -rf "$WORK"
}

# huge NUMBER: pages of 2 MiB are set aside; those that are in use do not go
huge()
{
	echo "$1" >/proc/sys/vm/nr_hugepages && [[ $(</proc/sys/vm/nr_hugepages) == "$1" ]]
}

# huge_free NUMBER: so many of them nobody has
huge_free()
{
	local free
	free=$(awk '/HugePages_Free/ { print $2 }' /proc/meminfo)
	[[ $free == "$1" ]] || {
		grep HugePages /proc/meminfo
		return 1
	}
}

# lazy_kernel MS: it looks so often for what it can put together to huge pages, 10000 usually
lazy_kernel()
{
	local often=/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs

	[[ ! -e $often ]] || echo "$1" >$often
}

# ---- migrants ---------------------------------------------------------------------

# start HOST NAME PROGRAM ARG…: a migrant; sets PID and PIDS[NAME].
start()
{
	local dir=$WORK/$2 program=$HERE/../migrants/$3

	mkdir "$dir"
	on "$1" "setsid $program $dir ${*:4} </dev/null >/dev/null 2>&1 &"
	wait_until "$LONG" test -L "$dir/ready" || {
		echo "$3 is not ready: $(readlink "$dir/verdict")"
		return 1
	}
	PID=$(readlink "$dir/pid")
	PIDS[$2]=$PID
}

# What "tern run" is told beside what every pod needs.
POD_OPTIONS=()

# run_pod HOST NAME PROGRAM ARG…: a migrant that is the program of a pod called NAME
run_pod()
{
	local dir=$WORK/$2 program=$HERE/../migrants/$3

	mkdir "$dir"
	tern "$1" run --cgroup "$(pods "$1")" --name "$2" "${POD_OPTIONS[@]}" \
		--detach "$program" "$dir" "${@:4}" &&
		wait_until "$LONG" test -L "$dir/ready" || {
		echo "$3 is not ready: $(readlink "$dir/verdict")"
		return 1
	}
	PODS[$2]=$2
}

# has_pod HOST NAME: it runs there
has_pod()
{
	grep -qs "^populated 1" "$(pods "$1")/$2/cgroup.events"
}

# pod_on NAME HOST: there, its group not on the other one any more, and its heart beats
pod_on()
{
	local name=$1 other=a

	[[ $2 != a ]] || other=b
	moved()
	{
		has_pod "$1" "$name" && [[ ! -e $(pods "$2")/$name ]]
	}
	wait_until "$LONG" moved "$2" $other || {
		echo "pod $name: on a: $(ls -d "$(pods a)/$name"), on b: $(ls -d "$(pods b)/$name")"
		return 1
	}
	beating "$name"
}

# hop_pod NAME FROM TO OPTION…: it moves, and lives on there
hop_pod()
{
	MODE='' migrate "$1" "$2" "$3" "${@:4}" && pod_on "$1" "$3"
}

# there HOST PID: such a process, alive
there()
{
	local stat

	stat=$(cat "/proc/${INIT[$1]}/root/proc/$2/stat" 2>/dev/null) || return 1
	[[ ${stat##*) } != [ZX]* ]]
}

where()
{
	local host

	for host in a b; do
		! there $host "$1" || printf '%s' $host
	done
}

# How pages are sent; a test that needs them to be missing for a while after the
# move says --mode=lazy.
MODE=

migrate()
{
	tern "$2" migrate "$1" "$3" ${MODE:+"$MODE"} --json "${@:4}"
}

# state HOST PID: of the newest migration of that pid
state()
{
	tern "$1" status --json | tr -d '\n' | sed 's/}, *{/}\n{/g' |
		grep "\"pid\": *$2\\>" | sed -n 's/.*"state": *"\([^"]*\)".*/\1/p' | tail -n 1
}

# forget HOST: what has been prepared there
forget()
{
	tern "$1" abort "$(tern "$1" status --json | tr '{' '\n' | grep '"prepared"' |
		sed 's/.*"id": *"\([0-9a-f]*\)".*/\1/')"
}

is_state()
{
	[[ $(state "$1" "$2") == "$3" ]]
}

beats()
{
	readlink "$WORK/$1/progress" | sed 's/.*beats=\([0-9]*\).*/\1/'
}

# beating NAME: its heartbeat goes on
beating()
{
	local first

	first=$(beats "$1")
	changed()
	{
		[[ $(beats "$1") != "$first" ]]
	}
	wait_until "$LONG" changed "$1"
}

is_on()
{
	[[ $(where "${PIDS[$1]}") == "$2" ]]
}

# lives_on NAME HOST: there, nowhere else, and its heart beats. The other host may take a
# moment to drop a shell, of a migration that has failed.
lives_on()
{
	wait_until "$LONG" is_on "$1" "$2" || {
		echo "pid ${PIDS[$1]} is on '$(where "${PIDS[$1]}")' and not just on $2"
		return 1
	}
	beating "$1"
}

# hop NAME FROM TO: it moves, and lives on there
hop()
{
	migrate "${PIDS[$1]}" "$2" "$3" && lives_on "$1" "$3"
}

# hops NAME N: N assertions, from a to b to a …
hops()
{
	local from=a to=b i t

	for ((i = 1; i <= $2; i++)); do
		must "hop $i, $from to $to" hop "$1" $from $to
		t=$from from=$to to=$t
	done
}

# there_and_back NAME: four assertions; the way back is not prepared
there_and_back()
{
	must "it moves to b" migrate "${PIDS[$1]}" a b
	must "it lives on b" lives_on "$1" b
	must "it moves back, not prepared" tern b migrate "${PIDS[$1]}" a --no-prepare --json
	must "it lives on a" lives_on "$1" a
}

# verified NAME HOPS: a migrant that verifies itself after each hop has done so
verified()
{
	told()
	{
		[[ $(readlink "$WORK/$1/verified") == "$2" || -L $WORK/$1/verdict ]]
	}
	wait_until $((2 * LONG)) told "$1" "$2"
	readlink "$WORK/$1/verdict"
	[[ $(readlink "$WORK/$1/verified") == "$2" ]]
}

# finish NAME HOPS: let it end; it finds itself well, and has changed hosts that often
finish()
{
	touch "$WORK/$1/stop"
	verdict "$1" "$2"
}

# verdict NAME HOPS: likewise, of one that ends by itself
verdict()
{
	local said

	wait_until $((2 * LONG)) test -L "$WORK/$1/verdict" || {
		echo "no verdict; last: $(readlink "$WORK/$1/progress")"
		return 1
	}
	said=$(readlink "$WORK/$1/verdict")
	echo "$said"
	[[ $said == "ok hops=$2 "* || $said == "ok hops=$2" ]]
}
