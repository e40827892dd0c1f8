# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# A data base server in a pod, which is a tree of processes that share memory: all of them
# move while nobody is connected, and whoever connects then finds his data, on either host. Then
# they move while pgbench keeps them busy, by the network: no transaction fails, and the accounts are
# right.

BIN=/usr/lib/postgresql/15/bin
USER_IS="setpriv --reuid postgres --regid postgres --clear-groups"
DATA=$SHARED/data
ADDRESS=10.77.0.51
PGBENCH="$BIN/pgbench -h $ADDRESS -U postgres"
MOVES=${TERN_TEST_MOVES:-2}
SUM="select count(*), md5(string_agg(m, '' order by i)) from t"

on a "test -x $BIN/postgres && id postgres" || skip "needs hosts with programs: TERN_LAB_PROGRAMS=1 scripts/lab up"

# query HOST SQL: by whoever visits its network for a moment
query()
{
	on "$1" "nsenter --target \$(head -n 1 /sys/fs/cgroup/tern/pg/cgroup.procs) --net \
		psql -h @tern -U postgres -AtX -c \"$2\""
}

answers()
{
	query "$1" "select 1" >ping 2>&1
}

processes()
{
	on "$1" "pgrep -c -x postgres"
}

on a "mkdir -p $DATA && chown postgres $DATA && cd / &&
	$USER_IS $BIN/initdb -D $DATA --auth=trust --no-sync >/dev/null" ||
	fail "no data base can be made"
bridges_up
on a "printf '%s\n' \"listen_addresses = '$ADDRESS'\" \"unix_socket_directories = '@tern'\" \
	'shared_buffers = 4MB' 'dynamic_shared_memory_type = mmap' >>$DATA/postgresql.conf
	echo 'host all all 10.77.0.0/24 trust' >>$DATA/pg_hba.conf
	cd / && tern run --name pg --net $ADDRESS/24 --detach --output $SHARED/log $USER_IS $BIN/postgres -D $DATA" ||
	fail "no pod"
wait_until "$LONG" answers a || fail "it does not begin: $(on a "tail -n 3 $SHARED/log")"
before=$(processes a)
note "$before processes"
((before > 4)) || fail "that is no tree"
query a "create table t as select i, md5(i::text) m from generate_series(1, 5000) i" ||
	fail "no table"
sum=$(query a "$SUM")

migrate pg a b
[[ $(processes b) == "$before" && $(processes a) == 0 ]] ||
	fail "on a: $(processes a), on b: $(processes b)"
[[ $(query b "$SUM") == "$sum" ]] || fail "other data on b"
query b "update t set m = md5(m); checkpoint" || fail "nothing can be changed on b"
# done_so_far HOST: transactions
done_so_far()
{
	query "$1" "select count(*) from pgbench_history"
}

goes_on()
{
	local count

	count=$(done_so_far "$1")
	more()
	{
		(($(done_so_far "$1") > $2 + 10))
	}
	wait_until "$LONG" more "$1" "$count" ||
		fail "no transaction any more on $1: $(on b "cat $SHARED/bench.out")"
}

ended_well()
{
	on b "grep -q 'number of failed transactions: 0 ' $SHARED/bench.out"
}

on b "$PGBENCH -i -q -s 1 postgres" >bench.init 2>&1 || fail "no accounts: $(tail -n 3 bench.init)"
on b "cd / && { setsid $PGBENCH -n -c 2 -R 15 -T 10000 postgres \
	</dev/null >$SHARED/bench.out 2>&1 & } && echo \$! >$SHARED/bench.pid"
here=b there=a
goes_on b
for ((i = 0; i < MOVES; i++)); do
	migrate pg $here $there
	read -r here there <<<"$there $here"
	goes_on $here
done
# as if its time were over: it ends what it has begun, and reports
on b "kill -ALRM \$(cat $SHARED/bench.pid)"
wait_until "$LONG" ended_well || fail "pgbench: $(on b "tail -n 5 $SHARED/bench.out")"
on b "cat $SHARED/bench.out" >bench.out
note "$(grep -E 'actually processed|average|tps' bench.out | tr -s '\n' ' ')"
right="select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history)
	and (select sum(bbalance) from pgbench_branches) = (select sum(delta) from pgbench_history)
	and (select sum(tbalance) from pgbench_tellers) = (select sum(delta) from pgbench_history)"
[[ $(query $here "$right") == t ]] || fail "the accounts are wrong"
processed=$(sed -n 's/.*actually processed: \([0-9]*\).*/\1/p' bench.out)
[[ $(done_so_far $here) == "$processed" ]] ||
	fail "$(done_so_far $here) transactions, and pgbench has made $processed"

ended()
{
	on $here "test ! -e /sys/fs/cgroup/tern/pg"
}

# what the first process gets it hands on
on $here "kill -INT \$(head -n 1 /sys/fs/cgroup/tern/pg/cgroup.procs)"
wait_until "$LONG" ended || fail "it does not end"
on $here "tail -n 1 $SHARED/log" | grep "is shut down" || fail "it has not ended well"
bridges_down
