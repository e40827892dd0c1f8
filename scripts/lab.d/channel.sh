# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Commands and files, into and out of hosts. One ssh connection per host is kept
# open (a handshake costs a second under emulation); each command is a session
# in it and needs no namespace, only the connection's socket.

SSH_MUX=(-F /dev/null -o ControlMaster=no -o BatchMode=yes -o LogLevel=ERROR
	# Were the connection gone, ssh would look for the host elsewhere.
	-o ProxyCommand=false)

open_channel()
{
	local host=$1

	channel_open "$host" && return 0
	rm -f "$STATE/$host.ssh"
	in_netns ssh -F /dev/null -fNM -S "$STATE/$host.ssh" -i "$IMAGE/key" \
		-o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR \
		-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
		-o ConnectTimeout=10 -o ServerAliveInterval=30 -o ServerAliveCountMax=6 \
		-o Compression=no -o GSSAPIAuthentication=no \
		"root@10.78.0.$(host_number "$host")" </dev/null >/dev/null 2>&1 8>&-
}

channel_open()
{
	[[ -S $STATE/$1.ssh ]] &&
		ssh "${SSH_MUX[@]}" -S "$STATE/$1.ssh" -O check "$1" >/dev/null 2>&1
}

close_channel()
{
	[[ -S $STATE/$1.ssh ]] || return 0
	ssh "${SSH_MUX[@]}" -S "$STATE/$1.ssh" -O exit "$1" >/dev/null 2>&1 || true
	rm -f "$STATE/$1.ssh"
}

# remote HOST COMMAND-LINE: as ssh would.
remote()
{
	ssh "${SSH_MUX[@]}" -S "$STATE/$1.ssh" "$1" -- "$2"
}

host_ready()
{
	local state

	host_pid "$1" >/dev/null || die "host $1 died while it booted: $(tail -n 5 "$STATE/$1.serial")"
	open_channel "$1" || return 1
	state=$(remote "$1" 'if [ -e /run/lab-ready ]; then echo ready; else cat /run/lab-failed 2>/dev/null; fi' </dev/null) || return 1
	[[ -z $state || $state == ready ]] || die "host $1: $state"
	[[ $state == ready ]]
}

exec_in_host()
{
	local host=$1 command tty=() status=0
	shift

	# One argument is a line for the host's shell; several are one command,
	# whose arguments arrive as they are.
	command=$1
	(($# == 1)) || printf -v command '%q ' "$@"
	[[ -t 0 && -t 1 ]] && tty=(-t)

	ssh "${SSH_MUX[@]}" "${tty[@]}" -S "$STATE/$host.ssh" "$host" -- "$command" || status=$?
	if ((status == 255)) && ! channel_open "$host"; then
		say "the connection to $host is gone: powered off, hung or crashed? (scripts/lab log $host; scripts/lab up)"
		status=$EX_LAB
	fi
	scan_host "$host" || status=$EX_KERNEL
	return "$status"
}

copy()
{
	scp -q -r -p -F /dev/null -o ControlMaster=no -o BatchMode=yes -o ProxyCommand=false \
		-o "ControlPath=$STATE/$1.ssh" "${@:2}"
}

# scp takes NAME:REST for a remote file.
local_path()
{
	case $1 in
	/*)	echo "$1" ;;
	*)	echo "./$1" ;;
	esac
}

push_files()
{
	local host=$1 dst=${*: -1} src=() file

	for file in "${@:2:$#-2}"; do
		[[ -e $file ]] || die "push: no $file here"
		src+=("$(local_path "$file")")
	done
	copy "$host" "${src[@]}" "$host:$dst"
}

pull_files()
{
	local host=$1 dst src=() file

	dst=$(local_path "${*: -1}")
	for file in "${@:2:$#-2}"; do
		src+=("$host:$file")
	done
	copy "$host" "${src[@]}" "$dst"
}
