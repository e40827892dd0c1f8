#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Connections that take their time: it waits in connect(2) for some, and has others registered
with epoll, by IPv4, by IPv6, and by IPv4 on a socket of IPv6. What has been connected says
something and is answered the same.

usage: dials.py DIR PORT ADDRESS…	(see migrant.h for what is in DIR; DIR/said: how each
					is doing, in the order of the addresses: first who waits,
					then who is told: waits, answered, or an errno's name)
"""
import ctypes
import errno
import os
import select
import socket
import struct
import sys
import threading
import time

from migrant import Hops, ready, tell

PORT = int(sys.argv[2])
ADDRESSES = sys.argv[3:]


def new(address):
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)


def talk(sock, text):
    """In one piece each, as far as the peer is the one of the test."""
    sock.sendall(text)
    got = b""
    while len(got) < len(text):
        piece = sock.recv(100)
        if not piece:
            return f"cut-off-after-{len(got)}"
        got += piece
    return "answered" if got == text else "answered-wrongly"


LIBC = ctypes.CDLL(None, use_errno=True)


class Waiting(threading.Thread):
    """With a time-out, that of connect(2), which then is not restarted by itself. (Python's own
    would begin again whatever it is told.)"""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address = address
        self.said = "waits"
        self.start()

    def connect(self, sock):
        v6 = ":" in self.address
        to = struct.pack("=HHI16sI", sock.family, socket.htons(PORT), 0,
                         socket.inet_pton(sock.family, self.address), 0) if v6 else \
            struct.pack("=HH4sQ", sock.family, socket.htons(PORT),
                        socket.inet_aton(self.address), 0)
        if LIBC.connect(sock.fileno(), to, len(to)):
            raise OSError(ctypes.get_errno(), "connect")

    def run(self):
        sock = new(self.address)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 10000, 0))
        try:
            self.connect(sock)
            self.said = talk(sock, b"who waits, by %s" % self.address.encode())
        except OSError as e:
            # it may be connected to somebody else, from another address
            is_bound = sock.getsockname()[0] not in ("0.0.0.0", "::")
            self.said = errno.errorcode[e.errno] + ("-and-bound" if is_bound else "")


class Told:
    def __init__(self, address, epoll):
        self.address = address
        self.said = "waits"
        self.sock = new(address)
        self.sock.setblocking(False)
        self.epoll = epoll
        err = self.sock.connect_ex((address, PORT))
        assert err == errno.EINPROGRESS, os.strerror(err)
        epoll.register(self.sock, select.EPOLLOUT | select.EPOLLET)

    def event(self):
        self.epoll.unregister(self.sock)
        err = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if err:
            self.said = errno.errorcode[err]
            return
        self.sock.setblocking(True)
        try:
            self.said = talk(self.sock, b"who is told, by %s" % self.address.encode())
        except OSError as e:
            self.said = errno.errorcode[e.errno]


def main():
    hops = Hops()
    epoll = select.epoll()
    waiting = [Waiting(a) for a in ADDRESSES]
    told = [Told(a, epoll) for a in ADDRESSES]
    by_fd = {t.sock.fileno(): t for t in told}
    beats = 0
    ready()
    while hops.step(beats):
        for fd, _ in epoll.poll(0.02):
            by_fd[fd].event()
        tell("said", " ".join(x.said for x in waiting + told))
        beats += 1
        time.sleep(0.01)
    tell("verdict", f"ok hops={hops.count}")


main()
