# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Complaints of a guest's kernel. Every command reads what has been added to the
# host's serial log since the last one looked ($STATE/NAME.seen, in bytes).

COMPLAINTS='WARNING: |BUG: |BUG at |INFO: task .* blocked for more than|INFO: rcu_|rcu: INFO:|Oops: |Kernel panic|general protection fault|invalid opcode: |divide error: |double fault|stack segment: |page fault for address|KASAN|UBSAN|KCSAN|KFENCE|kernel tried|refcount_t:|Unable to handle|scheduling while atomic|sleeping function called|possible circular locking|possible recursive locking|suspicious RCU|inconsistent lock state|possible irq lock inversion|held lock freed|bad unlock balance|soft lockup|hard LOCKUP|kmemleak: .* new suspected|Bad page|Bad rss-counter|list_(add|del) corruption|kernel stack is corrupted|lockup - CPU'

# What a stock kernel says in a healthy lab. Keep it short and exact.
HARMLESS='^$'

# Print the complaints in $1 (with what follows, as far as it is the same
# report); fail if there are none.
complaints_in()
{
	grep -aE -A 40 -e "$COMPLAINTS" <<<"$1" | grep -avE -e "$HARMLESS"
}

# scan_host HOST: fail, and show them, if there are new complaints.
scan_host()
{
	local host=$1 log=$STATE/$1.serial seen size new

	[[ -e $log ]] || return 0
	seen=$(cat "$STATE/$host.seen" 2>/dev/null || echo 0)
	size=$(stat -c %s "$log")
	((size > seen)) || return 0

	new=$(tail -c "+$((seen + 1))" "$log" | head -c $((size - seen)) | tr -d '\0\r')
	if ! grep -aqE -e "$COMPLAINTS" <<<"$new"; then
		# A last line without its end is read again with the rest of it.
		new=$(tail -c "+$((seen + 1))" "$log" | head -c $((size - seen)) | sed '$!d' | wc -c)
		echo "$size" >"$STATE/$host.seen"
		return 0
	fi

	# The report may still be being written: a report takes a second or so.
	sleep 2
	size=$(stat -c %s "$log")
	new=$(tail -c "+$((seen + 1))" "$log" | head -c $((size - seen)) | tr -d '\0\r')
	echo "$size" >"$STATE/$host.seen"
	say "the kernel of host $host complains:"
	complaints_in "$new" | sed "s/^/$host| /" >&2
	return 1
}

# All hosts; each is looked at even if one before it complains.
scan_hosts()
{
	local host status=0

	for host in $(lab_hosts); do
		scan_host "$host" || status=1
	done
	return $status
}

# The whole logs, whatever has been reported before.
check_hosts()
{
	local host text status=0

	for host in $(lab_hosts); do
		[[ -e $STATE/$host.serial ]] || continue
		if text=$(tr -d '\0\r' <"$STATE/$host.serial" | grep -aE -A 40 -e "$COMPLAINTS"); then
			say "the kernel of host $host complained:"
			printf '%s\n' "$text" | sed "s/^/$host| /" >&2
			status=1
		fi
		stat -c %s "$STATE/$host.serial" >"$STATE/$host.seen"
	done
	return $status
}
