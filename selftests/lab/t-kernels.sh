# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# Between hosts with different kernels, and so with different vDSOs: a and b run one
# kernel, c another. Processes that were started on either, on a way that leads over
# the other and back, also between two hosts that are foreign to them.

OTHER=6.12
[[ ${TERN_KERNEL:-6.1} != "$OTHER" ]] || OTHER=6.1
export TERN_KERNEL_c=$OTHER

lab up 3 >&2 || fail "no host with kernel $OTHER"
"$TOP/selftests/deploy_lab" a b c >&2 || fail "cannot deploy"
HOSTS+=(c)
[[ $(on c 'uname -r') == "$OTHER".* ]] || fail "c runs $(on c 'uname -r')"

# vdso PID HOST FILE: its special mappings as maps has them, and the one right behind
# the vDSO: abroad that is the note of what stood there.
vdso()
{
	on "$2" "awk '
		{ split(\$1, at, \"-\") }
		\$6 ~ /^.(vdso|vvar)/ || at[1] == end { print \$1, \$2, \$6 }
		{ end = \$6 == \"[vdso]\" ? at[2] : \"none\" }' /proc/$1/maps" >"$3"
	grep -qF '[vdso]' "$3" || fail "pid $1 on $2 has no vDSO"
}

# way NAME HOST…: from the first to each of the others
way()
{
	local name=$1 from=$2 to
	shift 2

	for to; do
		migrate "${PIDS[$name]}" "$from" "$to"
		lives_on "${PIDS[$name]}" "$to"
		from=$to
	done
}

start a clock clock
start a python python.py
start c clock-c clock

declare -A WAYS=([clock]="c b c a b" [python]="c b")
for name in clock python; do
	vdso "${PIDS[$name]}" a before
	read -ra hosts <<<"${WAYS[$name]}"
	way "$name" a "${hosts[@]}"
	vdso "${PIDS[$name]}" b after
	cmp before after || fail "$name: back with its own kernel, its vDSO is not where it was"
	finish "$name" b
	hops "${#hosts[@]}"
done
vdso "${PIDS[clock-c]}" c before
way clock-c c a b
vdso "${PIDS[clock-c]}" b abroad
! cmp -s before abroad || fail "nothing stands in for its vDSO"
way clock-c b c
vdso "${PIDS[clock-c]}" c after
cmp before after || fail "back with its own kernel, its vDSO is not where it was"
finish clock-c c
hops 3

# one that has changed its vDSO does not go there, and is not parked to learn that
start a changed refused vdso
for how in "" --no-prepare; do
	on a "tern migrate $PID c $how --json" >refusal 2>why && fail "moved with a vDSO of its own"
	grep -q 'has changed its vDSO' why || fail "refused, but why? $(cat why)"
	grep -q '"park":0,' refusal || fail "it was parked: $(cat refusal)"
done
finish changed a
hops 0

# what it starts over there has a vDSO like everything over there
start a exec exec
migrate "$PID" a c
verdict exec c
hops 1
