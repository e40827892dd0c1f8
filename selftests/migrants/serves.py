#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A TCP server, and clients of it. What is said on a connection depends on how it begins:

	E	echo: whatever comes, each byte turned over
	P	pump: a stream that never ends, as fast as it is taken
	Q	queue: nothing is read until the server is told to (DIR/read); then all of it is
		echoed, and the end of it, too
	H	half: the client says no more, and is sent a stream all the same

The server is one process, and has a connection to itself by way of loopback, on which it
echoes, too. What is sent is a function of its place in the stream, so that whoever receives
it knows what it should be.

usage: serves.py DIR [PORT]		the server (see migrant.h for what is in DIR)
       serves.py talk DIR ADDRESS [PORT]	its clients, until DIR/stop: DIR/said tells how
					often each has been answered, DIR/verdict if all
					was right
"""
import os
import selectors
import socket
import sys
import threading
import time

PORT = 7000
CHUNK = 1 << 16
PERIOD = 65521
STREAM = bytes((i * i + i // 251) & 0xff for i in range(PERIOD)) * 3
TURNED = bytes(255 - i for i in range(256))


def stream(at, length):
    """Bytes of the stream from AT on, LENGTH of them or fewer."""
    at %= PERIOD
    return STREAM[at:at + min(length, 2 * PERIOD)]


class Connection:
    """One that the server has accepted, or made to itself."""

    def __init__(self, sock):
        self.sock = sock
        self.kind = None
        self.out = b""
        self.sent = 0
        self.over = False

    def wants(self, may_read):
        events = 0
        if not self.over and (self.kind != b"Q" or may_read):
            events |= selectors.EVENT_READ
        if self.out or self.kind in (b"P", b"H"):
            events |= selectors.EVENT_WRITE
        return events

    def read(self):
        # not more than can be answered
        if len(self.out) > 4 * CHUNK:
            return
        data = self.sock.recv(CHUNK)
        self.over = not data
        if data and self.kind is None:
            self.kind, data = data[:1], data[1:]
        if self.kind in (b"E", b"Q"):
            self.out += data.translate(TURNED)

    def write(self):
        if self.kind in (b"P", b"H"):
            self.sent += self.sock.send(stream(self.sent, CHUNK))
        elif self.out:
            self.out = self.out[self.sock.send(self.out):]

    def is_done(self):
        return self.over and not self.out and self.kind != b"H"


class Server:
    def __init__(self, port):
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(("::", port), family=socket.AF_INET6,
                                             backlog=100, dualstack_ipv6=True)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.connections = {}
        self.may_read = False
        self.accepted = 0

    def accept(self):
        sock, _ = self.listener.accept()
        sock.setblocking(False)
        self.accepted += 1
        self.connections[sock] = Connection(sock)
        self.selector.register(sock, selectors.EVENT_READ)

    def serve(self, sock, events):
        connection = self.connections[sock]
        try:
            if events & selectors.EVENT_READ:
                connection.read()
            if events & selectors.EVENT_WRITE:
                connection.write()
        except BlockingIOError:
            pass
        except OSError:
            connection.over, connection.out, connection.kind = True, b"", None
        if connection.is_done():
            self.close(sock)

    def register(self):
        for sock, connection in self.connections.items():
            wants = connection.wants(self.may_read)
            key = self.selector.get_map().get(sock)
            if not key and wants:
                self.selector.register(sock, wants)
            elif key and not wants:
                self.selector.unregister(sock)
            elif key and key.events != wants:
                self.selector.modify(sock, wants)

    def close(self, sock):
        if self.selector.get_map().get(sock):
            self.selector.unregister(sock)
        del self.connections[sock]
        sock.close()

    def step(self, timeout):
        self.register()
        for key, events in self.selector.select(timeout):
            if key.fileobj is self.listener:
                self.accept()
            else:
                self.serve(key.fileobj, events)


def serve(port):
    from migrant import DIR, Hops, ready, tell

    hops = Hops()
    server = Server(port)
    own = Echo(("::1", port, 0, 0))
    threading.Thread(target=own.run, daemon=True).start()
    last = 0
    ready()
    while True:
        server.step(0.02)
        if time.monotonic() - last < 0.02:
            continue
        last = time.monotonic()
        server.may_read = os.path.exists(f"{DIR}/read")
        if not hops.step(own.rounds):
            break
    tell("verdict", own.error or f"ok hops={hops.count} accepted={server.accepted} "
         f"own={own.rounds}")


# ---- clients ------------------------------------------------------------------


class Client:
    """Something that is said to the server, again and again, and looked at."""

    kind = b""

    def __init__(self, address):
        self.rounds = 0
        self.gap = 0
        self.error = None
        self.stop = False
        self.sock = socket.create_connection(address[:2], timeout=20)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(self.kind)

    def receive(self, length):
        data = b""
        while len(data) < length:
            part = self.sock.recv(length - len(data))
            if not part:
                raise EOFError("the server has closed the connection")
            data += part
        return data

    def run(self):
        try:
            last = time.monotonic()
            while not self.stop:
                self.round()
                self.rounds += 1
                now = time.monotonic()
                self.gap, last = max(self.gap, now - last), now
            self.end()
        except (OSError, EOFError, AssertionError) as e:
            self.error = f"{type(self).__name__} after {self.rounds} rounds: {e!r}"

    def end(self):
        self.sock.close()


class Echo(Client):
    """A question, and its answer."""

    kind = b"E"
    at = 0

    def round(self):
        length = 1 + self.at % 3000
        data = stream(self.at, length)
        self.sock.sendall(data)
        assert self.receive(length) == data.translate(TURNED), f"wrong echo at {self.at}"
        self.at += length
        time.sleep(0.001)


class Quick(Client):
    """A connection of its own for each question."""

    def __init__(self, address):
        super().__init__(address)
        self.address = address
        self.sock.close()

    def round(self):
        with socket.create_connection(self.address[:2], timeout=20) as sock:
            sock.sendall(b"Equestion")
            sock.shutdown(socket.SHUT_WR)
            data = b""
            while part := sock.recv(100):
                data += part
        assert data == b"question".translate(TURNED), f"wrong answer {data}"
        time.sleep(0.002)


class Pump(Client):
    """What the server sends; it is taken in haste, and at leisure."""

    kind = b"P"
    at = 0

    def round(self):
        data = self.sock.recv(CHUNK)
        if not data:
            raise EOFError("the server has closed the connection")
        assert data == stream(self.at, len(data)), f"wrong byte behind {self.at}"
        self.at += len(data)
        time.sleep(0.05 if self.rounds % 64 == 0 else 0.002)


class Half(Pump):
    """The same, by a connection that is half closed."""

    kind = b"H"

    def __init__(self, address):
        super().__init__(address)
        self.sock.shutdown(socket.SHUT_WR)


class Queue(Client):
    """As much as there is room for, which nobody reads before the end."""

    kind = b"Q"
    at = 0

    def round(self):
        self.sock.settimeout(0)
        try:
            self.at += self.sock.send(stream(self.at, CHUNK))
        except BlockingIOError:
            time.sleep(0.05)

    def end(self):
        self.sock.settimeout(20)
        at, asked = 0, self.at
        self.sock.shutdown(socket.SHUT_WR)
        while data := self.sock.recv(CHUNK):
            assert data == stream(at, len(data)).translate(TURNED), f"wrong byte behind {at}"
            at += len(data)
        assert at == asked, f"{asked} bytes were sent, and {at} came back"
        super().end()


def talk(directory, address, port):
    # what migrant.py takes for its directory
    sys.argv[1] = directory
    from migrant import DIR, tell

    clients = [kind((address, port)) for kind in (Echo, Echo, Echo, Quick, Pump, Half, Queue)]
    threads = [threading.Thread(target=c.run) for c in clients]
    for thread in threads:
        thread.start()
    tell("ready", "yes")
    while not os.path.exists(f"{DIR}/stop") and not any(c.error for c in clients):
        tell("said", " ".join(str(c.rounds) for c in clients))
        time.sleep(0.05)
    open(f"{DIR}/read", "w").close()
    for client, thread in zip(clients, threads):
        client.stop = True
        thread.join()
    wrong = [c.error for c in clients if c.error]
    gaps = " ".join(f"{type(c).__name__}={c.rounds}/{c.gap * 1000:.0f}ms" for c in clients)
    tell("verdict", wrong[0] if wrong else f"ok {gaps}")


if sys.argv[1] == "talk":
    talk(sys.argv[2], sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else PORT)
else:
    serve(int(sys.argv[2]) if len(sys.argv) > 2 else PORT)
