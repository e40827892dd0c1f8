# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# One process in each blocking call. They are moved while they are blocked and
# must not notice: no EINTR, and the wait neither shorter nor longer.
#
# How long all of this takes depends on the machine, so it is tried out before: none
# may wake up before it has moved. What is late is measured by how late the hosts
# themselves are at the same time.

CALLS=(nanosleep clock_monotonic clock_boottime clock_realtime poll ppoll select pselect
	epoll_wait epoll_pwait futex cond_timedwait sigtimedwait read_pipe pause sigsuspend join)
LATE_MS=1000

# watch HOST: how late does a sleep end there at most, until "stop" appears?
watch()
{
	on "$1" "mkdir -p $SHARED; setsid python3 -c '
import os, time
worst = 0
while not os.path.exists(\"$SHARED/stop\"):
    began = time.monotonic()
    time.sleep(0.05)
    worst = max(worst, time.monotonic() - began - 0.05)
with open(\"$SHARED/late-$1.new\", \"w\") as f:
    f.write(str(int(worst * 1000)))
os.rename(\"$SHARED/late-$1.new\", \"$SHARED/late-$1\")' </dev/null >/dev/null 2>&1 &"
}

# late HOST: in ms
late()
{
	on "$1" "for i in \$(seq 600); do test -e $SHARED/late-$1 && break; sleep 0.1; done
		cat $SHARED/late-$1"
}

# start_call NAME CALL SECONDS: whether it was late is for us to say
start_call()
{
	PID=$(on a "TERN_LATE_MS=1000000 /usr/local/lib/tern/selftests/guest \
		start $SHARED/$1 calls $2 $3") || fail "cannot start $2"
	PIDS[$1]=$PID
}

on a "rm -rf $SHARED"
began=$SECONDS
start_call sample pause 1000
migrate "$PID" a b
length=$(((SECONDS - began + 1) * 2 * ${#CALLS[@]}))
((length >= 75)) || length=75
((length <= 300)) || length=300
length=${TERN_TEST_CALL_SECONDS:-$length}
note "each call lasts $length s"

watch a
watch b
for call in "${CALLS[@]}"; do
	start_call "$call" "$call" "$length"
done
# all of them from one shell in the host, to be done before they wake up
moves=
for call in "${CALLS[@]}"; do
	moves+="tern migrate ${PIDS[$call]} b >/dev/null || echo $call; "
done
on a "$moves" >stayed 2>errors
sed 's/^/# /' errors

bad=0
declare -A LATE=()
for call in "${CALLS[@]}"; do
	if grep -qx "$call" stayed; then
		echo "# FAIL: $call did not move"
		bad=$((bad + 1))
		continue
	fi
	(verdict "$call" b $((length + LONG)) && hops 1) >heard || bad=$((bad + 1))
	cat heard
	LATE[$call]=$(sed -n 's/.*late_ms=\([0-9]*\).*/\1/p' heard)
done
on a "touch $SHARED/stop"
host_late=$(late a)
more=$(late b)
((host_late >= more)) || host_late=$more
note "the hosts themselves were up to $host_late ms late"
for call in "${!LATE[@]}"; do
	((${LATE[$call]:-0} <= LATE_MS + 2 * host_late)) || {
		echo "# FAIL: $call was ${LATE[$call]} ms late"
		bad=$((bad + 1))
	}
done
((bad == 0)) || fail "$bad calls noticed that they were moved, or were not"
