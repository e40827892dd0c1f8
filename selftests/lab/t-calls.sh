# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# One process in each blocking call. They are moved while they are blocked and
# must not notice: no EINTR, and the wait neither shorter nor longer.

CALLS=(nanosleep clock_monotonic clock_boottime clock_realtime poll ppoll select pselect
	epoll_wait epoll_pwait futex cond_timedwait sigtimedwait read_pipe pause sigsuspend join)

for call in "${CALLS[@]}"; do
	start a "$call" calls "$call" "${TERN_TEST_CALL_SECONDS:-75}"
done
# all of them from one shell in the host, to be done before they wake up
moves=
for call in "${CALLS[@]}"; do
	moves+="tern migrate ${PIDS[$call]} b >/dev/null || echo $call; "
done
on a "$moves" >stayed 2>errors
sed 's/^/# /' errors
bad=$(wc -l <stayed)
for call in "${CALLS[@]}"; do
	if grep -qx "$call" stayed; then
		echo "# FAIL: $call did not move"
		continue
	fi
	(verdict "$call" b && hops 1) || bad=$((bad + 1))
done
((bad == 0)) || fail "$bad calls noticed that they were moved, or were not"
