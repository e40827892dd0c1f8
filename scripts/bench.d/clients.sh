# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What clients notice of a server that moves. They are on a host of their own; the server
# is in a pod with an address, or, where CRIU moves it, in a network namespace with one.
# Beside each move is as long a time without one, in which the same client is watched.

CLIENT_HOST=c
CLIENT_MEM=1024M
CLIENT_DEVICE=eth0	# that its peers are behind
SERVER=10.77.0.50
SINK_PORT=7000
CRIU_SERVER=10.77.0.60
declare -A CRIU_OWN=([a]=10.79.0.1 [b]=10.79.0.2)
REDIS=(redis-server --protected-mode no --save '' --appendonly no)
REDIS_CASES=${TERN_BENCH_CLIENTS_CASES:-redis redis-100}
SETTLED=1	# seconds after a move that still belong to it: what was held comes behind it

client_host_up()
{
	local host

	ADDRESS[$CLIENT_HOST]=10.77.0.13
	# it only asks
	TERN_LAB_MEM=$CLIENT_MEM lab up 3 >&2
	lab exec $CLIENT_HOST "mkdir -p ${GUEST_DIR%/*}"
	lab push $CLIENT_HOST "$PROGRAMS" "$GUEST_DIR"
	guest $CLIENT_HOST prepare ${ADDRESS[$CLIENT_HOST]}
	for host in a b; do
		guest $host pod bridge
	done
}

# ---- what is watched --------------------------------------------------------------

# client PROGRAM ARG…: starts one; sets $CLIENT
client()
{
	CLIENT=$(guest $CLIENT_HOST start client "$@") || die "no client $1"
}

# What it has seen since it was asked last.
seen()
{
	guest $CLIENT_HOST report client "$CLIENT"
}

# count_on HOST PID: in the network namespace of that process, until it is ended
declare -A COUNTER=()
count_on()
{
	COUNTER[$1]=$(guest "$1" start counts counts.py "$2")
}

counted()
{
	guest "$1" report counts "${COUNTER[$1]}"
}

count_no_more()
{
	guest "$1" end "${COUNTER[$1]}"
}

# begin_to_watch HOST: what has been until now does not count
begin_to_watch()
{
	counted "$1" >"$OUT/counted"
	seen >"$OUT/seen"
}

# seconds REPORT: how long the client was watched
seconds()
{
	python3 -c 'import json, sys; print(json.loads(sys.argv[1])["seconds"])' "$1"
}

# ---- a move -----------------------------------------------------------------------

# Movers of $NAME from HOST to the other one: they print what they say of the move.

mover_tern()
{
	guest "$1" move "$NAME" "$(other "$1")" - "${@:2}"
}

# namespace_on HOST: for the server, made anew each time, as that of a pod is
namespace_on()
{
	guest "$1" namespace make $CRIU_SERVER "${CRIU_OWN[$1]}"
}

mover_criu()
{
	local here=$1 there mode=$2 job
	there=$(other "$here")

	namespace_on "$there"
	guest "$there" namespace run "$GUEST_DIR/guest" receive "${CRIU_OWN[$there]}" "$mode" \
		"${CRIU_OWN[$here]}" >"$OUT/receive" 2>"$OUT/receive.err" &
	job=$!
	guest "$here" namespace run "$GUEST_DIR/guest" send "${CRIU_OWN[$there]}" "$mode" \
		"${CRIU_OWN[$here]}" "$NAME" >"$OUT/send" 2>"$OUT/send.err" || {
		wait $job
		return 1
	}
	wait $job || return 1
	guest "$here" namespace remove
	printf '{"send":%s,"receive":%s}\n' "$(<"$OUT/send")" "$(<"$OUT/receive")"
}

# pid_of HOST: of the server
pid_of()
{
	if [[ $NAME == *[!0-9]* ]]; then
		guest "$1" pod pid "$NAME"
	else
		echo "$NAME"
	fi
}

# noticed CASE HOW HOST MOVER ARG…: a move of $NAME, and the time without one; sets $said,
# to nothing if it did not move
noticed()
{
	local case=$1 how=$2 here=$3 there moved still server
	there=$(other "$here")

	begin_to_watch "$here"
	said=$("$4" "$here" "${@:5}") || {
		said=
		return 0
	}
	sleep $SETTLED
	moved=$(seen)
	server=$(counted "$here")
	count_no_more "$here"
	# all that the new namespace has counted belongs to the move
	count_on "$there" "$(pid_of "$there")"
	server+=,$(counted "$there")
	[[ $how != tern* || $moved == *'"error": ""'* ]] ||
		die "$case: the client was not answered as it should be: $moved"
	begin_to_watch "$there"
	sleep "$(seconds "$moved")"
	still="\"client\":$(seen),\"server\":$(counted "$there")"
	moved="\"client\":$moved,\"server\":[$server],\"control\":{$still}"
	record "$case" "\"how\":\"$how\",\"move\":$said,$moved$(${AFTER_CONTROL:-true})"
}

# ---- Redis ------------------------------------------------------------------------

# stock CASE: MiB that its data base holds before it begins
stock()
{
	[[ $1 == *-* ]] && echo "${1##*-}" || echo 0
}

# moves_noticed CASE HOW RUNS [OPTION…]: of the pod $NAME, which is on host a, and then
# is there again or on b; sets $here
moves_noticed()
{
	local run said

	for ((run = 1; run <= $3; run++)); do
		say "$1: tern${2#tern}, $run of $3"
		noticed "$1" "$2" "$here" mover_tern "${@:4}"
		[[ $said ]] || die "$1: it did not move from $here to $(other "$here")"
		here=$(other "$here")
	done
}

# served CASE: in both ways
served()
{
	count_on a "$(pid_of a)"
	moves_noticed "$1" tern "$RUNS"
	moves_noticed "$1" tern.hybrid "$RUNS" --mode=hybrid
	count_no_more "$here"
	guest "$here" pod end "$NAME"
	guest $CLIENT_HOST end "$CLIENT"
	yardsticks "$1"
}

redis_tern()
{
	local NAME=kv here=a CLIENT

	guest a pod run $NAME $SERVER "${REDIS[@]}" --bind $SERVER
	client asks.py $SERVER "$(stock "$1")"
	served "$1"
}

# Did the last move break its connection?
client_broken()
{
	[[ $(tail -n 1 "$RUNS_FILE") == *'"error": "'[!\"]* ]]
}

# redis_criu CASE MODE: until it cannot, or the client cannot go on
redis_criu()
{
	local NAME here=a host run said CLIENT

	namespace_on a
	guest a namespace attach
	NAME=$(guest a namespace server "${REDIS[@]}" --bind $CRIU_SERVER)
	client asks.py $CRIU_SERVER "$(stock "$1")"
	count_on a "$NAME"
	for ((run = 1; run <= CRIU_RUNS; run++)); do
		say "$1: criu, $2, $run of $CRIU_RUNS"
		noticed "$1" "criu-$2" $here mover_criu "$2"
		[[ $said ]] || {
			criu_refused "$1" "$2"
			break
		}
		here=$(other $here)
		# the next move needs a client that lives
		! client_broken || {
			guest $CLIENT_HOST end "$CLIENT"
			client asks.py $CRIU_SERVER "$(stock "$1")"
		}
	done
	count_no_more $here
	guest $CLIENT_HOST end "$CLIENT"
	for host in a b; do
		guest $host end "$NAME"
		guest $host namespace remove
	done
}

# ---- messages ---------------------------------------------------------------------

pings()
{
	printf ',"ping":%s' "$(guest $CLIENT_HOST ping $SERVER 30)"
}

messages_tern()
{
	local NAME=sink here=a CLIENT AFTER_CONTROL=pings

	guest a pod run $NAME $SERVER socat -u TCP-LISTEN:$SINK_PORT /dev/null
	client ticks.py $SERVER $SINK_PORT $CLIENT_DEVICE
	served messages
}

measure_clients()
{
	local case mode

	client_host_up
	messages_tern
	for case in $REDIS_CASES; do
		redis_tern "$case"
	done
	has_part criu || return 0
	for case in $REDIS_CASES; do
		for mode in stop lazy; do
			redis_criu "$case" $mode
		done
	done
}
