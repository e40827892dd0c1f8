# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What two-host tests share. A test is a script t-NAME.sh that is run by run_lab
# with this file read already, in a directory of its own; it ends with success,
# with "skip WHY", or at the first thing that is not as it should be.
# shellcheck disable=SC2034 # tests use it

# Emulated hosts are slow, and slower when the machine is busy: seconds for what
# should take one.
LONG=${TERN_TEST_LONG:-120}
SHARED=/srv/shared/tests/$TEST

note()
{
	echo "# $*"
}

fail()
{
	echo "# FAIL: $*"
	exit 1
}

skip()
{
	echo "# SKIP: $*"
	exit 4
}

lab()
{
	"$TOP/scripts/lab" "$@" </dev/null
}

# on HOST LINE: run a line of shell in a host.
on()
{
	lab exec "$1" "$2"
}

guest()
{
	lab exec "$1" /usr/local/lib/tern/selftests/guest "${@:2}"
}

# start HOST NAME PROGRAM ARG…: a migrant; sets PID, DIR, and the array PIDS.
declare -A PIDS=()
start()
{
	DIR=$SHARED/$2
	PID=$(guest "$1" start "$DIR" "${@:3}") || fail "cannot start $3 on $1"
	PIDS[$2]=$PID
}

# How "tern migrate" is to send pages; a test that needs pages to be missing for a
# while after the move says --mode=lazy.
MODE=

# migrate PID FROM TO: move it and wait until it is independent.
migrate()
{
	on "$2" "tern migrate $1 $3 $MODE --json" >migrate.json 2>migrate.err || {
		cat migrate.err migrate.json
		fail "pid $1 did not move from $2 to $3"
	}
}

# migrate_begin PID FROM TO: begin to move it; migrate_end waits for the tool.
migrate_begin()
{
	"$TOP/scripts/lab" exec "$2" "tern migrate $1 $3 $MODE --json" \
		</dev/null >migrate.json 2>migrate.err &
	MIGRATE_JOB=$!
}

# What the tool says in the end: 0 when the migrant is independent.
migrate_end()
{
	wait "$MIGRATE_JOB"
}

# state HOST PID: state of the newest migration of that pid as "tern status" has it.
state()
{
	on "$1" "tern status --json" >status.json 2>status.err || {
		echo "unknown"
		return
	}
	python3 - "$2" status.json <<-'EOS'
	import json, sys
	migrations = json.load(open(sys.argv[2]))
	states = [m["state"] for m in migrations if m["pid"] == int(sys.argv[1])]
	print(states[-1] if states else "none")
	EOS
}

# wait_until SECONDS COMMAND…: until it succeeds; false: it has not.
wait_until()
{
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.5
	done
}

# wait_state HOST PID STATE…: until it is in one of them.
wait_state()
{
	local end=$((SECONDS + LONG)) now want host=$1 pid=$2
	shift 2

	while :; do
		now=$(state "$host" "$pid")
		for want; do
			[[ $now != "$want" ]] || return 0
		done
		((SECONDS < end)) || fail "migration of $pid on $host is \"$now\" and not $*"
	done
}

# where PID: hosts on which there is such a process, for "exactly one" questions. A
# test that has added a host adds it here, too.
HOSTS=(a b)
where()
{
	local host

	for host in "${HOSTS[@]}"; do
		! guest "$host" there "$1" 2>/dev/null || printf '%s' "$host"
	done
}

# lives_on PID HOST: there and nowhere else, and its heart beats. The other host may take
# a moment to drop a shell, of a migration that has failed.
lives_on()
{
	local name end=$((SECONDS + LONG)) found

	for name in "${!PIDS[@]}"; do
		[[ ${PIDS[$name]} != "$1" ]] || break
	done
	until found=$(where "$1") && [[ $found == "$2" ]]; do
		((SECONDS < end)) || fail "pid $1 is on '$found' and not just on $2"
	done
	guest "$2" beating "$SHARED/$name" "$LONG" || fail "pid $1 on $2 does nothing"
}

# verified NAME HOPS HOST: a migrant that verifies itself after each hop has done so.
verified()
{
	guest "$3" verified "$SHARED/$1" "$2" "$LONG" || fail "$1 is not well"
}

# finish NAME HOST [SECONDS]: let a migrant end, and hear what it says of itself.
finish()
{
	VERDICT=$(guest "$2" finish "$SHARED/$1" "${3:-$LONG}") || {
		echo "# $1: $VERDICT"
		fail "$1 is not well"
	}
	note "$1: $VERDICT"
}

# verdict NAME HOST [SECONDS]: likewise, of one that ends by itself.
verdict()
{
	VERDICT=$(guest "$2" verdict "$SHARED/$1" "${3:-$LONG}") || {
		echo "# $1: $VERDICT"
		fail "$1 is not well"
	}
	note "$1: $VERDICT"
}

# said KEY: the number that the verdict gives for it.
said()
{
	sed -n "s/.*\\b$1=\\([0-9]*\\).*/\\1/p" <<<"$VERDICT"
}

hops()
{
	[[ $(said hops) == "$1" ]] || fail "$(said hops) hops and not $1"
}

# Daemons. They are killed, not asked, unless a test says otherwise.
daemon_kill()
{
	on "$1" "ternd-ctl kill"
}

daemon_start()
{
	on "$1" "ternd-ctl start"
}

# A bridge below the address of each host, for pods that have their own.
bridges_up()
{
	local host

	for host in a b; do
		# one that a failed test has left is as good
		on $host "set -e
			ip link show br0 >/dev/null 2>&1 || {
				address=\$(ip -o -4 addr show dev eth0 | awk '{ print \$4 }')
				ip link add br0 address \$(cat /sys/class/net/eth0/address) \
					type bridge forward_delay 0
				ip link set br0 up
				ip addr del \$address dev eth0
				ip link set eth0 master br0
				ip addr add \$address dev br0
			}
			grep -q '^bridge' /etc/tern/ternd.conf || echo 'bridge = br0' >>/etc/tern/ternd.conf
			ternd-ctl stop
			ternd-ctl start" || fail "no bridge on $host"
	done
}

bridges_down()
{
	local host

	for host in a b; do
		on $host "address=\$(ip -o -4 addr show dev br0 | awk '{ print \$4 }') &&
			ip link del br0 && ip addr add \$address dev eth0" ||
			fail "the bridge on $host does not go"
	done
}

# resent HOST: segments that were sent again since it was booted, and timers that expired
resent()
{
	on "$1" "nstat -asz TcpRetransSegs TcpExtTCPTimeouts" | awk '/^Tcp/ { print $1, $2 }' | tr '\n' ' '
}
