# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Two Ethernet segments in a network namespace of the lab's own, so labs never
# meet each other or the machine's networks:
#   data	10.77.0.0/24	what is under test; links here are cut and slowed
#   ctl		10.78.0.0/24	exec and NFS; never touched, so a cut host answers

in_netns()
{
	nsenter --net="/run/netns/$NETNS" -- "$@"
}

has_link()
{
	ip -n "$NETNS" link show dev "$1" >/dev/null 2>&1
}

link_is_down()
{
	[[ $(ip -n "$NETNS" link show dev "$1-data" 2>/dev/null) != *[,\<]UP[,\>]* ]]
}

# Address number of host $1: fs 10, a 11, b 12, …
host_number()
{
	local letters=abcdef before

	if [[ $1 == fs ]]; then
		echo 10
		return
	fi
	before=${letters%%"$1"*}
	echo $((11 + ${#before}))
}

# /etc/hosts of every host.
host_names()
{
	local host number

	echo "127.0.0.1 localhost"
	for host in fs a b c d e f; do
		number=$(host_number "$host")
		if [[ $host == fs ]]; then
			echo "10.78.0.$number fs fs-ctl"
			echo "10.77.0.$number fs-data"
		else
			echo "10.77.0.$number $host $host-data"
			echo "10.78.0.$number $host-ctl"
		fi
	done
}

make_network()
{
	local bridge

	# A name that no longer leads to a namespace: the machine was restarted.
	if ! in_netns true 2>/dev/null; then
		rm -f "/run/netns/$NETNS"
		ip netns add "$NETNS"
	fi
	ip -n "$NETNS" link set lo up
	for bridge in data ctl; do
		has_link "$bridge" && continue
		# The namespace itself takes no part: no IPv6 noise of its own.
		ip -n "$NETNS" link add "$bridge" type bridge forward_delay 0 mcast_snooping 0
		in_netns sysctl -q -w "net.ipv6.conf.$bridge.disable_ipv6=1" || true
		ip -n "$NETNS" link set "$bridge" up
	done
	ip -n "$NETNS" addr replace 10.78.0.1/24 dev ctl
}

make_taps()
{
	local host=$1 bridge tap

	for bridge in data ctl; do
		tap=$host-$bridge
		has_link "$tap" && continue
		ip -n "$NETNS" tuntap add "$tap" mode tap vnet_hdr
		in_netns sysctl -q -w "net.ipv6.conf.$tap.disable_ipv6=1" || true
		ip -n "$NETNS" link set "$tap" master "$bridge" up
	done
}

remove_network()
{
	ip netns del "$NETNS" 2>/dev/null || true
}

# A cut cable, as another machine's switch would see it: frames vanish, the
# host's own interface stays up.
set_link()
{
	case $2 in
	up | down) ip -n "$NETNS" link set "$1-data" "$2" ;;
	*) usage_error "link HOST up|down" ;;
	esac
}

# netem HOST off | ARGS of tc-netem. In the host, on what it sends: the machine's
# own kernel may lack netem, Debian's has it. For both ways of a pair, set both.
set_netem()
{
	local host=$1
	shift
	remote "$host" 'tc qdisc del dev eth0 root 2>/dev/null || true' </dev/null
	[[ ${1:-} == off ]] || remote "$host" "tc qdisc add dev eth0 root netem $*" </dev/null
}

start_pcap()
{
	local file=$1 pid=$STATE/pcap.pid

	[[ ! -e $pid ]] || die "already capturing; first: scripts/lab pcap stop"
	# Each packet is read and written at once, so the file is whole at any time.
	# Not through in_netns: $! must be tcpdump itself.
	nsenter --net="/run/netns/$NETNS" -- tcpdump --immediate-mode -B 65536 -i data -U -Z root -w "$file" </dev/null >"$STATE/pcap.log" 2>&1 8>&- &
	echo $! >"$pid"
	wait_for 10 grep -q 'listening on' "$STATE/pcap.log" || {
		stop_pcap
		die "tcpdump does not start: $(cat "$STATE/pcap.log")"
	}
}

stop_pcap()
{
	local file=$STATE/pcap.pid pid

	[[ -e $file ]] || return 0
	pid=$(<"$file")
	if [[ $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) == tcpdump* ]]; then
		kill "$pid"
		wait_for 10 process_gone "$pid" || kill -KILL "$pid"
	fi
	rm -f "$file"
}
