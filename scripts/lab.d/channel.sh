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
	rm -f "${STATE:?}/$host.ssh"
	in_netns ssh -F /dev/null -fNM -S "$STATE/$host.ssh" -i "$(host_image "$host")/key" \
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

# Emulated, a kernel that patches its own code hangs now and then while it boots, both
# processors at the same place. Nothing has run there yet, so it may boot once more.
wait_ready()
{
	local host=$1 wait=${TERN_LAB_BOOT_WAIT:-180}

	wait_for "$wait" host_ready "$host" && return 0
	[[ $ACCEL == tcg ]] || return 1
	echo "lab: host $host hangs while it boots (see $STATE/$host.hung); once more" >&2
	stop_host "$host"
	mv "$STATE/$host.serial" "$STATE/$host.hung"
	start_host "$host"
	wait_for "$wait" host_ready "$host"
}

# After a complaint of the kernel the command may never end, or its host be dead:
# give it some time to end by itself, then end its session. Likewise, at once, if
# we were killed and left the session behind.
watch_session()
{
	local host=$1 from=$2

	until host_complains "$host" "$from"; do
		sleep 2
		[[ -e /proc/$$ ]] || kill "$SESSION"
		[[ -e /proc/$SESSION ]] || return 0
	done
	sleep 1
	if host_panicked "$host"; then
		close_channel "$host"
	else
		sleep "${TERN_LAB_OOPS_WAIT:-15}"
	fi
	kill "$SESSION"
}

# run_session HOST FROM COMMAND: a session that ends when we are told to end, which
# bash would not do while it waits for a foreground command.
run_session()
{
	local host=$1 from=$2 command=$3 out=1 err=2 cats=() status=0

	# ssh makes its output non-blocking. In a pipe that our caller goes on
	# writing to, that would break the caller: give ssh pipes of its own.
	if [[ -p /dev/stdout || -S /dev/stdout ]]; then
		exec {out}> >(exec cat)
		cats+=("$!")
	fi
	if [[ -p /dev/stderr || -S /dev/stderr ]]; then
		exec {err}> >(exec cat >&2)
		cats+=("$!")
	fi

	ssh "${SSH_MUX[@]}" -S "$STATE/$host.ssh" "$host" -- "$command" \
		<&0 >&"$out" 2>&"$err" &
	SESSION=$!
	((out == 1)) || exec {out}>&-
	((err == 2)) || exec {err}>&-
	watch_session "$host" "$from" </dev/null >/dev/null 2>&1 &
	WATCHER=$!
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	trap 'kill "$SESSION" "$WATCHER" 2>/dev/null || true' EXIT

	wait "$SESSION" || status=$?
	((!${#cats[@]})) || wait "${cats[@]}" || true
	return "$status"
}

exec_in_host()
{
	local host=$1 command from status=0
	shift
	from=$(seen_bytes "$host")

	# One argument is a line for the host's shell; several are one command,
	# whose arguments arrive as they are.
	command=$1
	(($# == 1)) || printf -v command '%q ' "$@"
	# Keep the shell: of a command that a signal ends, ssh says only 255.
	command+=$'\nexit $?'

	if [[ -t 0 && -t 1 ]]; then
		ssh "${SSH_MUX[@]}" -t -S "$STATE/$host.ssh" "$host" -- "$command" || status=$?
	else
		run_session "$host" "$from" "$command" || status=$?
	fi
	if ((status == 255)) && ! channel_open "$host"; then
		say "the connection to $host is gone: powered off, hung or crashed? (scripts/lab log $host; scripts/lab up)"
		status=$EX_LAB
	fi
	scan_host "$host" "$from" || status=$EX_KERNEL
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
