# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Pods with an interface, for tests that have read lib.sh. Both hosts have a bridge, and
# between them is a third host, c, to which the pods' neighbours talk:
#
#	a: pod eth0 ── br0 ── seg ─── c: sega ── br0 ── segb ─── b: seg ── br0 ── eth0 pod

V4=10.98.0.5
V6=fd98::5
MAC=02:54:0a:62:00:05
# for tests that use some of these only
export MAC
NET=(--bridge br0 --net "$V4/24,$V6/64" --gateway 10.98.0.9 --gateway fd98::9)

# segment: the bridges and what is between them
segment()
{
	local host

	host_up c 30000 0
	on c "ip link add br0 type bridge && ip address add 10.98.0.9/24 dev br0 &&
		ip address add fd98::9/64 dev br0 nodad && ip link set br0 up" || return 1
	for host in a b; do
		nsenter --target "${INIT[c]}" --net ip link add seg$host type veth \
			peer name seg netns "${INIT[$host]}" &&
			on c "ip link set seg$host master br0 up" &&
			on $host "ip link add br0 type bridge && ip link set br0 up &&
				ip link set seg master br0 up" || return 1
	done
}

# inside HOST COMMAND…: in the pod's namespaces
inside()
{
	local pid

	pid=$(head -n 1 "$(pods "$1")/web/cgroup.procs") &&
		nsenter --target "$pid" --net -- "${@:2}" </dev/null
}

# answers ADDRESS: to c
answers()
{
	in_host c ping -n -c 1 -W 1 "$1"
}

reachable()
{
	wait_until 10 answers $V4 && wait_until 10 answers $V6
}

# neighbours: what c believes
neighbours()
{
	on c "ip neigh show dev br0" | sed -n "s/^\($V4\|$V6\) .*lladdr \([^ ]*\).*/\1 \2/p" | sort
}

known()
{
	neighbours
	[[ $(neighbours) == "$V4 $MAC"$'\n'"$V6 $MAC" ]]
}

# ends HOST: of pods, on that host
ends()
{
	on "$1" "ip -o link show type veth" | grep -vE ': (data|seg)@' | cut -d ' ' -f 2
}

none_on()
{
	no_ends()
	{
		[[ -z $(ends "$1") ]]
	}
	wait_until 20 no_ends "$1" || {
		on "$1" "ip link show"
		return 1
	}
}

# behind PORT: where c's bridge believes the pod to be
behind()
{
	on c "bridge fdb show br br0" | grep -i "^$MAC"
	on c "bridge fdb show br br0" | grep -i "^$MAC dev $1 " >"$WORK/said"
}

# delay HOST SECONDS, delay HOST off: of what it sends to the other one
delay()
{
	if [[ $2 == off ]]; then
		in_host "$1" tc qdisc del dev data root
	else
		in_host "$1" tc qdisc add dev data root netem delay "$2s"
	fi
}

in_doubt()
{
	tern a status | grep "in doubt" >"$WORK/said"
}
