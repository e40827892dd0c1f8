# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash source=lib.sh
# Servers that nobody is connected to at that moment: wherever each is, whoever asks there is
# answered, and on the other host nobody listens any more. One of them has an address of
# both families and a child that waits for the same callers.

PORT=8000
UDP_PORT=8001

# begin NAME COMMAND: on a; sets PID
begin()
{
	PID=$(on a "cd $SHARED && { setsid $2 </dev/null >$1.out 2>&1 & } && echo \$! |
		tee -a /srv/shared/tests/pids") || fail "no $1"
}

# fetch HOST: what is at the URL there, and its digest
fetch()
{
	on "$1" "python3 -c '
import hashlib, urllib.request
print(hashlib.md5(urllib.request.urlopen(\"http://127.0.0.1:$PORT/file\", timeout=60).read()).hexdigest())'"
}

# echoed HOST TEXT: a datagram comes back, from where it was sent to
echoed()
{
	on "$1" "python3 -c '
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(60)
s.connect((\"::1\", $UDP_PORT))
s.send(b\"$2\")
assert s.recv(100) == b\"$2\"'"
}

listening()
{
	on "$1" "ss -Htuln | grep -q ':\\($PORT\\|$UDP_PORT\\) '"
}

on a "mkdir -p $SHARED && head -c 3000000 /dev/urandom >$SHARED/file"
sum=$(on a "md5sum <$SHARED/file")
cat >echo.py <<EOS
import os, socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", $UDP_PORT))
os.fork()
while True:
    data, whom = s.recvfrom(100)
    s.sendto(data, whom)
EOS
lab push a echo.py "$SHARED/"
begin http "python3 -m http.server $PORT"
HTTP=$PID
begin echo "python3 echo.py"
wait_until "$LONG" fetch a >/dev/null || fail "nobody answers: $(on a "cat $SHARED/http.out")"
wait_until "$LONG" echoed a first || fail "nothing comes back"

here=a
for there in b a b; do
	migrate "$HTTP" $here $there
	migrate "$PID" $here $there
	[[ $(fetch $there)"  -" == "$sum" ]] || fail "something else is served on $there"
	# whichever of the two takes it
	for i in 1 2 3 4; do
		echoed $there "$i of $there" || fail "nothing comes back on $there"
	done
	! listening $here || fail "somebody listens on $here still"
	here=$there
done
on b "kill $HTTP && pkill -P $PID && kill $PID"
