#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What "tern run" starts has numbers and names of its own, and moves whole.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# init HOST NAME: pid of the pod's first process, outside of all hosts
init()
{
	local pid

	while read -r pid; do
		[[ $(sed -n 's/^NSpid:.*\t//p' "/proc/$pid/status") != 1 ]] || echo "$pid"
	done <"$(pods "$1")/$2/cgroup.procs"
}

# inside HOST NAME COMMAND…: in its namespaces
inside()
{
	nsenter --target "$(init "$1" "$2")" --mount --uts --ipc --net --pid --time -- "${@:3}" \
		</dev/null
}

# refuses HOST NAME REASON: the check refuses it so
refuses()
{
	tern "$1" check "$2" >"$WORK/said"
	cat "$WORK/said"
	grep -qF "$3" "$WORK/said"
}

moves()
{
	tern a check tree
}

limit()
{
	cat "$(pods "$1")/tree/$2"
}

named()
{
	[[ $(inside b tree hostname) == renamed && $(limit b pids.max) == 77 &&
		$(limit b memory.high) == max ]]
}

# a number that is taken on both hosts, and a segment's id, too
same_numbers()
{
	[[ $(readlink "$WORK/tree/pid") == "$(readlink "$WORK/other/pid")" ]]
}

refused_by_name()
{
	! migrate other b a && pod_on other b
}

fails()
{
	"$HERE/../tools/arm" "$1" && ! migrate tree a b && pod_on tree a
}

# whoever is in its namespaces, and does not move with it
visited()
{
	local visitor status=0

	inside a tree sleep 1000.5 &
	visitor=$!
	wait_until "$LONG" refuses a tree "which does not move with it, is in its namespaces" ||
		status=1
	pkill -KILL -f "^sleep 1000.5"
	wait $visitor
	return $status
}

mounted()
{
	inside a tree mount -t tmpfs mine /mnt && ! migrate tree a b >"$WORK/said" 2>&1 &&
		grep -F "it has mounted /mnt in its mount namespace" "$WORK/said" &&
		inside a tree umount /mnt
}

with_queue()
{
	local id

	id=$(inside a tree ipcmk -Q | grep -o '[0-9]*$') &&
		refuses a tree "its IPC namespace has message queues" && inside a tree ipcrm -q "$id"
}

with_semaphore()
{
	local id

	id=$(inside a tree ipcmk -S 1 | grep -o '[0-9]*$') &&
		refuses a tree "its IPC namespace has semaphores" && inside a tree ipcrm -s "$id"
}

with_segment()
{
	local id

	id=$(inside a tree ipcmk -M 4096 | grep -o '[0-9]*$') &&
		refuses a tree "a System V segment that no process has attached" &&
		inside a tree ipcrm -m "$id"
}

with_interface()
{
	inside a tree ip link add dummy type dummy && refuses a tree "has an interface, dummy" &&
		inside a tree ip link del dummy
}

in_group_below()
{
	local group status=0

	group=$(pods a)/tree/below
	mkdir "$group" && readlink "$WORK/tree/pid" >/dev/null &&
		pgrep -P "$(init a tree)" | head -n 1 >"$group/cgroup.procs" || return 1
	refuses a tree "in another control group than the first process of its pod" || status=1
	cat "$group/cgroup.procs" >"$(pods a)/tree/cgroup.procs"
	rmdir "$group" && return $status
}

# What was only started so looks like a pod, and is none.
half_a_pod()
{
	on a "unshare --pid --fork --mount-proc sleep 1000 >/dev/null 2>&1 &"
	half()
	{
		on a 'pgrep -x sleep -P "$(pgrep -n -x unshare)"' >"$WORK/half"
	}
	wait_until "$LONG" half || return 1
	refuses a "$(<"$WORK/half")" "in this host's network namespace" &&
		in_host a kill -KILL "$(<"$WORK/half")"
}

# Only the whole of it moves.
not_a_part()
{
	refuses a "$(in_host a pgrep -P "$(in_host a pgrep -o tern-init)" | head -n 1)" \
		"it has a pid namespace of its own"
}

same_name()
{
	! tern a run --cgroup "$(pods a)" --name tree --detach true 2>"$WORK/said" &&
		grep -F "there is a pod \"tree\" already" "$WORK/said"
}

bad_limit()
{
	! tern a run --cgroup "$(pods a)" --name bad --limit pids.max=none --detach true &&
		[[ ! -e $(pods a)/bad ]]
}

none_left()
{
	gone()
	{
		[[ ! -e $(pods a)/tree && ! -e $(pods b)/other ]]
	}
	wait_until "$LONG" gone
}

[[ -e /sys/fs/cgroup/cgroup.procs ]] || skip "needs cgroup version 2 at /sys/fs/cgroup"
# What was prepared is forgotten, its group on a, too.
forgotten()
{
	no_group()
	{
		[[ ! -e $(pods a)/tree ]]
	}
	forget b && wait_until "$LONG" no_group && pod_on tree b
}

plan 36
must "a pod starts" run_pod a tree tree 4
must "it can move" moves
echo 77 >"$(pods a)/tree/pids.max"
must "it is given another name" inside a tree hostname renamed
must "it moves to b" hop_pod tree a b
must "with its name and limits" named
must "all is what it was" verified tree 1
must "it moves back, not prepared" hop_pod tree b a --no-prepare
must "all is what it was" verified tree 2
for fault in park_save capture sent shell load resume; do
	must "after a failure ($fault) it is here" fails $fault
done
must "another one starts on b" run_pod b other tree 1
must "the numbers of both are the same" same_numbers
must "it moves to where the other one is" hop_pod other b a
must "the other one moves past it" hop_pod tree a b
must "it is what it was" finish other 1
must "it is prepared beforehand" tern b prepare tree a
must "and forgotten" forgotten
must "it is prepared once more" tern b prepare tree a
must "it moves back" hop_pod tree b a
must "a name is given once" same_name
must "what is no limit is refused" bad_limit
must "who visits it is in its way" visited
must "so is a mount" mounted
must "a message queue" with_queue
must "semaphores" with_semaphore
must "a segment that nobody has attached" with_segment
must "an interface" with_interface
must "a process in a control group below" in_group_below
must "half a pod does not move" half_a_pod
must "nor does a part of one" not_a_part
must "all is what it was" finish tree 4
must "nothing is left of them" none_left
done_testing
