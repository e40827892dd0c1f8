# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Complaints of a guest's kernel. Every command reads what has been added to the
# host's serial log since the last one looked ($STATE/NAME.seen, in bytes).

COMPLAINTS='cut here|WARNING: |BUG: |BUG at |INFO: task .* blocked for more than|INFO: rcu_|rcu: INFO:|Oops: |Kernel panic|general protection fault|invalid opcode: |divide error: |double fault|stack segment: |page fault for address|KASAN|UBSAN|KCSAN|KFENCE|kernel tried|refcount_t:|Unable to handle|scheduling while atomic|sleeping function called|possible (circular|recursive) locking|suspicious RCU|inconsistent lock state|irq lock inversion|held lock freed|bad unlock balance|soft lockup|hard LOCKUP|kmemleak: .* new suspected|Bad page|Bad rss-counter|list_(add|del) corruption|stack is corrupted'

# What a stock kernel says in a healthy lab, exactly. None so far.
HARMLESS='^$'

# new_text HOST FROM: whole lines of the host's log from that byte on. The last
# line may be in the making: it is left for the next look.
new_text()
{
	tail -c "+$(($2 + 1))" "$STATE/$1.serial" | LC_ALL=C sed -z 's/[^\n]*$//'
}

complaints_in()
{
	LC_ALL=C grep -aEv -e "$HARMLESS" | LC_ALL=C grep -aE "$@" -e "$COMPLAINTS"
}

seen_bytes()
{
	cat "$STATE/$1.seen" 2>/dev/null || echo 0
}

# host_complains HOST FROM: has the kernel complained since? Looks only.
host_complains()
{
	(($(stat -c %s "$STATE/$1.serial" 2>/dev/null || echo 0) > $2)) &&
		new_text "$1" "$2" | complaints_in -q
}

# scan_host HOST [FROM]: fail, and show them, if there are complaints since then;
# by default since the last look. A command that ran beside others says from where
# on: a complaint in its time fails it even if another has shown it already.
scan_host()
{
	local host=$1 from=${2:-} status=0

	[[ -n $from ]] || from=$(seen_bytes "$host")
	(($(stat -c %s "$STATE/$host.serial" 2>/dev/null || echo 0) > from)) || return 0
	if host_complains "$host" "$from"; then
		sleep 1	# for the rest of the report
		status=1
	fi
	(
		flock 9
		new_text "$host" "$from" >"$STATE/$host.new"
		((!status)) || show_complaints "$host" "$STATE/$host.new"
		from=$((from + $(stat -c %s "$STATE/$host.new")))
		((from <= $(seen_bytes "$host"))) || echo "$from" >"$STATE/$host.seen"
	) 9>"$STATE/$host.scan"
	return "$status"
}

show_complaints()
{
	say "the kernel of host $1 complains (scripts/lab log $1 has all of it):"
	tr -d '\r' <"$2" | complaints_in -A 50 | sed "s/^/$1| /" >&2
}

# All hosts; each is looked at even if one before it complains.
scan_hosts()
{
	local host status=0

	for host in $(lab_hosts); do
		scan_host "$host" || status=1
	done
	return "$status"
}

# The whole logs, whatever has been reported before.
check_hosts()
{
	local host status=0

	for host in $(lab_hosts); do
		[[ -e $STATE/$host.serial ]] || continue
		complaints_in -q <"$STATE/$host.serial" || continue
		show_complaints "$host" "$STATE/$host.serial"
		status=1
	done
	return "$status"
}
