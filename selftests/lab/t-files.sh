# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# A process that appends to a file of a file server all the time, and looks at all of it after
# each move. What a host remembers of a file may be a minute old here, as it may be on most mounts,
# so each host but the first has something to remember that is wrong. That is true even of a file
# which the shell has open when it is written to: NFS takes what others write then for its own.

MOVES=${TERN_TEST_MOVES:-6}
MOUNT=/srv/remembers

for host in a b; do
	on $host "mkdir -p $MOUNT && { mountpoint -q $MOUNT ||
		mount -t nfs4 -o vers=4.2,hard,actimeo=60 fs:/ $MOUNT; }" ||
		fail "no such mount on $host"
done
FILES=$MOUNT/tests/$TEST/files
on a "mkdir -p $FILES && date >$FILES/other"
start a journal journal.py $FILES/file $FILES/other
on b "cat $FILES/file.mark >/dev/null" || fail "there is nothing to remember"
on a "tern prepare $PID b" || fail "not prepared"
on a "ln -s now $DIR/mark"
wait_until "$LONG" on a "test -L $DIR/marked" || fail "it does not write"
from=a to=b
for ((i = 0; i < MOVES; i++)); do
	migrate "$PID" $from $to
	lives_on "$PID" $to
	t=$from from=$to to=$t
done
finish journal $from
hops "$MOVES"
for host in a b; do
	on $host "umount $MOUNT"
done
