# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# A data base server in a pod, which is a tree of processes that share memory: all of them
# move while nobody is connected, and whoever connects then finds his data, on either host.

BIN=/usr/lib/postgresql/15/bin
USER_IS="setpriv --reuid postgres --regid postgres --clear-groups"
DATA=$SHARED/data
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
on a "printf '%s\n' \"listen_addresses = ''\" \"unix_socket_directories = '@tern'\" \
	'shared_buffers = 4MB' 'dynamic_shared_memory_type = mmap' >>$DATA/postgresql.conf
	cd / && tern run --name pg --detach --output $SHARED/log $USER_IS $BIN/postgres -D $DATA" ||
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
sum=$(query b "$SUM")
migrate pg b a
[[ $(query a "$SUM") == "$sum" ]] || fail "other data on a"

ended()
{
	on a "test ! -e /sys/fs/cgroup/tern/pg"
}

# what the first process gets it hands on
on a "kill -INT \$(head -n 1 /sys/fs/cgroup/tern/pg/cgroup.procs)"
wait_until "$LONG" ended || fail "it does not end"
on a "tail -n 1 $SHARED/log" | grep "is shut down" || fail "it has not ended well"
