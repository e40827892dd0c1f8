# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Names, paths and messages that every part of the lab shares.
# shellcheck disable=SC2034 # used by the other parts

LAB=${TERN_LAB:-default}
[[ $LAB =~ ^[a-z0-9][a-z0-9-]{0,31}$ ]] || {
	echo "lab: TERN_LAB='$LAB': use up to 32 of a-z, 0-9 and '-'" >&2
	exit 2
}

NETNS=tern-$LAB
CACHE=${TERN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tern}

# Always /run, never $XDG_RUNTIME_DIR: the network namespace is a name for the
# whole machine, so what describes it must be found from any session.
STATE=/run/tern-lab/$LAB

# Overlays grow; /run may be a small tmpfs.
DISKS=${TMPDIR:-/var/tmp}/tern-lab-$LAB

GUEST_DIR=$LAB_DIR/guest
HOST_NAMES=(a b c d e f)
MAX_HOSTS=${#HOST_NAMES[@]}

# Exit codes of our own, clear of those that a command in a host may return.
EX_USAGE=2
EX_LAB=69	# the lab itself failed
EX_KERNEL=70	# a guest's kernel complained

say()
{
	echo "lab: $*" >&2
}

die()
{
	say "$@"
	exit "$EX_LAB"
}

usage_error()
{
	say "$* (see scripts/lab --help)"
	exit "$EX_USAGE"
}

need_root()
{
	[[ $EUID -eq 0 ]] || die "needs root: network namespaces, tap devices. Try: sudo scripts/lab $*"
}

# One writer at a time for a lab; exec, log and the like take no lock.
lock_lab()
{
	local file=/run/tern-lab/$LAB.lock

	mkdir -p /run/tern-lab
	# "down" removes the file: a lock on what has been removed is none.
	until [[ -e $file && $file -ef /proc/$$/fd/8 ]]; do
		exec 8>"$file"
		flock -w "${TERN_LAB_LOCK_WAIT:-600}" 8 ||
			die "another lab command holds lab '$LAB' ($file)"
	done
}

# Wait up to $1 seconds until the rest, a command, succeeds.
wait_for()
{
	local end=$((SECONDS + $1))
	shift

	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.1
	done
}
