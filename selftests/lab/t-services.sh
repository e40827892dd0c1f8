# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# Servers as Debian packages them, each in a pod with an address of its own, which move there
# and back while somebody uses them from the other host: memcached by TCP and UDP, nginx with
# a long download, a shell by ssh, openssl's TLS server. The client of memcached is in a pod,
# too, and moves the other way at the same time. Nothing is lost, doubled, or out of order.

MOVES=${TERN_TEST_MOVES:-2}
PODS=(mc ng sh tl)
OUT=/run/$TEST	# on b, where clients are that do not move

on a "type memcached nginx openssl" >/dev/null || skip "needs hosts with programs: TERN_LAB_PROGRAMS=1 scripts/lab up"

cat >cached.py <<'EOS'
import os, socket, struct, sys, time

addr, stop, out = sys.argv[1:]
s = socket.create_connection((addr, 11211), timeout=60)
f = s.makefile("rb")
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.settimeout(60)
u.connect((addr, 11211))
count = 0


def ask(line, body=None):
    s.sendall(line + b"\r\n" + (b"" if body is None else body + b"\r\n"))
    return f.readline().strip()


try:
    assert ask(b"set n 0 0 1", b"0") == b"STORED"
    while not os.path.exists(stop):
        count += 1
        got = ask(b"incr n 1")
        assert got == b"%d" % count, got
        value = bytes((count * i) & 0xff for i in range(count % 3000))
        assert ask(b"set v 0 0 %d" % len(value), value) == b"STORED"
        assert ask(b"get v") == b"VALUE v 0 %d" % len(value)
        assert f.read(len(value) + 2) == value + b"\r\n" and f.readline() == b"END\r\n"
        # one datagram asks, one answers, and neither is sent again
        u.send(struct.pack("!HHHH", count & 0xffff, 0, 1, 0) + b"get n\r\n")
        got = u.recv(2000)
        assert got[:8] == struct.pack("!HHHH", count & 0xffff, 0, 1, 0), got
        assert got[8:].split(b"\r\n")[1] == b"%d" % count, got
        if count % 10 == 0:
            open(out + ".count", "w").write(str(count))
    said = f"ok {count} rounds"
except Exception as e:
    said = f"after {count} rounds: {e!r}"
open(out, "w").write(said + "\n")
EOS

# At a pace, and as often as it takes to be under way in all of the moves.
cat >download.py <<'EOS'
import hashlib, os, sys, time, urllib.request

url, stop, out = sys.argv[1:]
downloads, count = set(), 0


def download():
    global count
    r = urllib.request.urlopen(url, timeout=60)
    digest, size = hashlib.sha256(), 0
    while data := r.read(65536):
        digest.update(data)
        size += len(data)
        count += len(data)
        open(out + ".count", "w").write(str(count))
        if not os.path.exists(stop):
            time.sleep(0.05)
    downloads.add(f"{digest.hexdigest()} {size}")


try:
    download()
    while not os.path.exists(stop):
        download()
    said = " ".join(downloads)
except Exception as e:
    said = f"after {count} bytes: {e!r}"
open(out, "w").write(said + "\n")
EOS

# Lines, which come back reversed, in one session. There is one at a time, so this
# also has to wait until the server listens.
cat >secret.py <<'EOS'
import os, socket, ssl, sys, time

addr, stop, out = sys.argv[1:]
count = 0


def connect():
    end = time.monotonic() + 120
    while True:
        try:
            return socket.create_connection((addr, 443), timeout=60)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


try:
    # the clocks of hosts differ, so the certificate may not be valid yet
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    s = context.wrap_socket(connect())
    f = s.makefile("rb")
    while not os.path.exists(stop):
        count += 1
        line = (b"%d " % count * (count % 500 + 1))[:2000]
        s.sendall(line + b"\n")
        got = f.readline()
        assert got == line[::-1] + b"\n", got
        if count % 10 == 0:
            open(out + ".count", "w").write(str(count))
    said = f"ok {count} lines by {s.version()}"
except Exception as e:
    said = f"after {count} lines: {e!r}"
open(out, "w").write(said + "\n")
EOS

cat >servers <<EOS
set -e
cd $SHARED
mkdir www temp
chmod 755 . www
head -c 48000000 /dev/urandom >www/big
cat >nginx.conf <<X
daemon off;
worker_processes 2;
pid $SHARED/temp/pid;
error_log $SHARED/temp/error.log;
events { worker_connections 256; }
http {
	access_log off;
	sendfile on;
	client_body_temp_path $SHARED/temp/body;
	proxy_temp_path $SHARED/temp/proxy;
	fastcgi_temp_path $SHARED/temp/fastcgi;
	uwsgi_temp_path $SHARED/temp/uwsgi;
	scgi_temp_path $SHARED/temp/scgi;
	server { listen 80; root $SHARED/www; }
}
X
ssh-keygen -q -t ed25519 -N '' -f host </dev/null
ssh-keygen -q -t ed25519 -N '' -f user </dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=tern \
	-keyout key -out cert 2>openssl.log
cat >sshd.conf <<X
HostKey $SHARED/host
AuthorizedKeysFile $SHARED/user.pub
PidFile none
StrictModes no
PermitRootLogin yes
X
cd /
pod()
{
	tern run --name \$1 --net 10.77.0.\$2/24 --detach --output $SHARED/\$1.log "\${@:3}"
}
pod mc 51 memcached -u root -l 10.77.0.51 -U 11211
pod ng 52 nginx -c $SHARED/nginx.conf
pod sh 53 /usr/sbin/sshd -D -e -f $SHARED/sshd.conf
pod tl 55 openssl s_server -accept 443 -key $SHARED/key -cert $SHARED/cert -rev
EOS

# What the shell does, in a terminal: numbers, until it is told to stop.
cat >count.sh <<EOS
n=0
until [ -e $SHARED/stop ]; do
	n=\$((n + 1))
	echo \$n
	sleep 0.02
done
echo end
EOS

cat >clients <<EOS
rm -rf $OUT
mkdir $OUT
cd $OUT
(cd / && tern run --name cl --net 10.77.0.54/24 --detach --output $SHARED/mc.out \
	python3 $SHARED/cached.py 10.77.0.51 $SHARED/stop $SHARED/mc.said)
setsid python3 $SHARED/download.py http://10.77.0.52/big $OUT/stop ng.said </dev/null >ng.out 2>&1 &
setsid python3 $SHARED/secret.py 10.77.0.55 $OUT/stop tl.said </dev/null >tl.out 2>&1 &
setsid ssh -tt -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -i $SHARED/user \
	root@10.77.0.53 "sh $SHARED/count.sh" </dev/null >sh.count 2>sh.out &
EOS

serve()
{
	on b "bash -c 'for at in 51/11211 52/80 53/22; do exec 3<>/dev/tcp/10.77.0.\$at || exit 1; done'" \
		>/dev/null 2>&1
}

# how far POD's client has come
progress()
{
	case $1 in
	sh) on b "tr -d '\r' <$OUT/sh.count | tail -n 2 | head -n 1" ;;
	mc) on b "cat $SHARED/mc.said.count" ;;
	ng | tl) on b "cat $OUT/$1.said.count" ;;
	esac 2>/dev/null
}

goes_beyond()
{
	local now

	now=$(progress "$1")
	[[ $now =~ ^[0-9]+$ ]] && ((now > $2))
}

goes_on()
{
	local pod

	for pod in "${PODS[@]}"; do
		wait_until "$LONG" goes_beyond "$pod" "$(progress "$pod" | grep -x '[0-9]*' || echo 0)" ||
			fail "the client of $pod is not answered: $(on b "tail -n 3 $SHARED/mc.said $OUT/*.said $SHARED/mc.out $OUT/*.out $SHARED/$pod.log" 2>&1)"
	done
}

on a "mkdir -p $SHARED /run/sshd"
on b "mkdir -p /run/sshd"
for file in cached.py download.py secret.py servers count.sh clients; do
	lab push a $file "$SHARED/"
done
bridges_up
on a "bash $SHARED/servers" || fail "the servers do not start"
wait_until "$LONG" serve || fail "they do not listen: $(on a "tail $SHARED/*.log")"
on b "bash $SHARED/clients"
goes_on
note "b before: $(resent b)"
here=a there=b
for ((i = 0; i < MOVES; i++)); do
	"$TOP/scripts/lab" exec $there "tern migrate cl $here" </dev/null >cl.said 2>&1 &
	migrate mc $here $there
	wait $! || fail "the client did not move to $here: $(<cl.said)"
	for pod in ng sh tl; do
		migrate $pod $here $there
	done
	goes_on
	read -r here there <<<"$there $here"
done
note "b behind: $(resent b)"
on b "touch $OUT/stop $SHARED/stop"
ended()
{
	on b "test -s $SHARED/mc.said && test -s $OUT/ng.said && test -s $OUT/tl.said && grep -q end $OUT/sh.count"
}
wait_until "$LONG" ended || fail "a client does not end"
note "client of mc: $(on b "cat $SHARED/mc.said")"
on b "grep -q ^ok $SHARED/mc.said" || fail "memcached did not answer as it should"
on b "test \"\$(cat $OUT/ng.said)\" = \"\$(sha256sum <$SHARED/www/big | cut -d' ' -f1) 48000000\"" ||
	fail "the download is not what it should be: $(on b "cat $OUT/ng.said")"
note "client of tl: $(on b "cat $OUT/tl.said")"
on b "grep -q ^ok $OUT/tl.said" || fail "what came back by TLS is not what it should be"
on b "tr -d '\r' <$OUT/sh.count | head -n -1 | awk '\$1 != NR { exit 1 }'" ||
	fail "the shell said something else: $(on b "tail -n 3 $OUT/sh.count $OUT/sh.out")"
for pod in "${PODS[@]}"; do
	on $here "kill \$(sed -n 2p /sys/fs/cgroup/tern/$pod/cgroup.procs)"
done
bridges_down
on b "rm -rf $OUT"
