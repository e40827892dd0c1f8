# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# A data base in a pod with an address of its own, and clients on both hosts that ask it all
# the time. It moves there and back, ten times, and no client sees more than a pause: each answer is
# right, none is lost, doubled, or comes twice, and no connection is reset.

ADDRESS=10.77.0.50
MOVES=${TERN_TEST_MOVES:-10}

on a "type redis-server" >/dev/null || skip "needs hosts with programs: TERN_LAB_PROGRAMS=1 scripts/lab up"

# As Redis counts, so does a client: what comes back is one more each time.
cat >ask.py <<EOS
import os, socket, sys, time

name, stop, out = sys.argv[1:]
s = socket.create_connection(("$ADDRESS", 6379), timeout=60)
f = s.makefile("rb")
count, worst, last = 0, 0, time.monotonic()


def ask(*words):
    s.sendall(b"*%d\r\n" % len(words) + b"".join(b"\$%d\r\n%s\r\n" % (len(w), w) for w in words))
    line = f.readline()
    assert line.endswith(b"\r\n"), f"cut off after {count}: {line}"
    if line[:1] != b"\$":
        return line.strip()
    return f.read(int(line[1:]) + 2)[:-2]


try:
    while not os.path.exists(stop):
        # several on their way at once
        count += 1
        got = ask(b"INCR", name.encode())
        assert got == b":%d" % count, f"{got} and not {count}"
        value = bytes((count * i) & 0xff for i in range(count % 5000))
        assert ask(b"SET", b"v" + name.encode(), value) == b"+OK"
        assert ask(b"GET", b"v" + name.encode()) == value, f"another value after {count}"
        now = time.monotonic()
        worst, last = max(worst, now - last), now
        open(out + ".count", "w").write(str(count))
    said = f"ok {count} rounds, longest {worst * 1000:.0f} ms"
except Exception as e:
    said = f"after {count} rounds: {e!r}"
open(out, "w").write(said + "\n")
EOS

# asks HOST: a client there
asks()
{
	on "$1" "cd $SHARED && { setsid python3 ask.py $1 $SHARED/stop $SHARED/$1.said \
		</dev/null >$1.out 2>&1 & }"
}

answered()
{
	on "$1" "test \$(cat $SHARED/$1.said.count) -gt $2"
}

# goes_on HOST: its client is answered still
goes_on()
{
	local count

	count=$(on "$1" "cat $SHARED/$1.said.count")
	wait_until "$LONG" answered "$1" $((count + 5)) ||
		fail "the client on $1 is not answered any more: $(on "$1" "cat $SHARED/$1.said $SHARED/$1.out")"
}

pings()
{
	on a "redis-cli -h $ADDRESS ping" >ping 2>&1 && grep -q PONG ping
}

on a "mkdir -p $SHARED/data"
lab push a ask.py "$SHARED/"
bridges_up
on a "cd / && tern run --name kv --net $ADDRESS/24 --detach --output $SHARED/log \
	redis-server --bind $ADDRESS --protected-mode no --save '' --dir $SHARED/data" ||
	fail "no pod"
wait_until "$LONG" pings || fail "it does not begin: $(cat ping) $(on a "tail -n 5 $SHARED/log")"
asks a
asks b
goes_on a
goes_on b
for host in a b; do
	note "$host before: $(resent $host)"
done
here=a there=b
for ((i = 0; i < MOVES; i++)); do
	migrate kv $here $there
	goes_on a
	goes_on b
	read -r here there <<<"$there $here"
done
for host in a b; do
	note "$host behind: $(resent $host)"
done
on a "touch $SHARED/stop"
for host in a b; do
	said()
	{
		on "$1" "cat $SHARED/$1.said 2>/dev/null" >said && [[ -s said ]]
	}
	wait_until "$LONG" said $host || fail "the client on $host does not end"
	note "client on $host: $(<said)"
	[[ $(<said) == ok* ]] || fail "the client on $host was not answered as it should be"
done
on $here "kill \$(sed -n 2p /sys/fs/cgroup/tern/kv/cgroup.procs)"
bridges_down
