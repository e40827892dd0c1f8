#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Blocks in calls that a signal would end even if its handler asks for them to be restarted
(SA_RESTART, see signal(7)): on sockets with a time-out. And in read(2) of inotify. They are the C
library's, as Python's own begin again by themselves. At the end each is given what it waits for.

usage: waits.py DIR       (see migrant.h for what is in DIR)
"""
import ctypes
import errno
import os
import socket
import struct
import threading
import time

from migrant import DIR, Hops, ready, tell

LIBC = ctypes.CDLL(None, use_errno=True)
FOREVER = struct.pack("ll", 10000, 0)
NAME = f"\0waits-{os.getpid()}"


def patient(sock):
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        sock.setsockopt(socket.SOL_SOCKET, option, FOREVER)
    return sock


class Call(threading.Thread):
    def __init__(self, name, fd, *args):
        super().__init__(daemon=True)
        self.call, self.args = name, (fd, *args)
        self.said = None
        self.start()

    def run(self):
        ret = getattr(LIBC, self.call)(*self.args)
        self.said = errno.errorcode[ctypes.get_errno()] if ret < 0 else "ok"


def main():
    hops = Hops()
    buf = ctypes.create_string_buffer(4096)
    iov = struct.pack("PN", ctypes.addressof(buf), 1)
    pipe = os.pipe()[1]
    pairs = [socket.socketpair() for _ in range(6)]
    for pair in pairs:
        patient(pair[0])
    full = pairs[2:4]
    for ours, _ in full:
        try:
            while True:
                ours.send(bytes(4096), socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass
    door = patient(socket.socket(socket.AF_UNIX))
    door.bind(NAME)
    door.listen()
    watch = LIBC.inotify_init()
    os.mkdir(f"{DIR}/watched")
    assert LIBC.inotify_add_watch(watch, f"{DIR}/watched".encode(), 0x100) > 0  # IN_CREATE
    room = [s.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) for pair in pairs for s in pair]
    calls = [
        Call("recv", pairs[0][0].fileno(), buf, 1, 0),
        Call("read", pairs[1][0].fileno(), buf, 1),
        Call("send", full[0][0].fileno(), buf, 4096, 0),
        Call("write", full[1][0].fileno(), buf, 4096),
        Call("preadv2", pairs[4][0].fileno(), iov, 1, ctypes.c_long(-1), 0),
        Call("splice", pairs[5][0].fileno(), None, pipe, None, 1, 0),
        Call("accept", door.fileno(), None, None),
        Call("read", watch, buf, 4096),
    ]
    beats = 0
    time.sleep(0.2)
    ready()
    while hops.step(beats):
        beats += 1
        time.sleep(0.02)
    # in a queue that has moved there may be more room
    early = [c.said for c in calls if c.said and not (c.call in ("send", "write") and
                                                      c.said == "ok")]
    if room != [s.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) for p in pairs for s in p]:
        early.append("SO_SNDBUF")
    pairs[0][1].send(b"1")
    pairs[1][1].send(b"1")
    pairs[4][1].send(b"1")
    pairs[5][1].send(b"1")
    for _, theirs in full:
        while len(theirs.recv(1 << 20, socket.MSG_DONTWAIT)) == 1 << 20:
            pass
    caller = socket.socket(socket.AF_UNIX)
    caller.connect(NAME)
    os.mkdir(f"{DIR}/watched/one")
    for c in calls:
        c.join(60)
    said = " ".join(c.said or "blocks" for c in calls)
    tell("verdict", f"ok hops={hops.count}" if not early and said == " ".join(["ok"] * len(calls))
         else f"failed: {said}, early: {early}")


main()
