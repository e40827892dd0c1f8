# SPDX-License-Identifier: GPL-2.0
"""A small segment each millisecond, and how long each waits:
ticks.py RECORD ADDRESS PORT DEVICE.

Another process sends them; this one watches both ways on the wire. The kernel says when each
has left and when it was acknowledged, so it does not matter when Python comes to read that.
One that is sent again has waited since it was sent first.
"""
import collections
import ctypes
import os
import signal
import socket
import struct
import sys
import time

from seen import Seen

TICK = 0.001
MESSAGE = b"a small message\n"
PATIENCE = 120      # seconds
EVERYTHING = 3      # ETH_P_ALL: what leaves, too
OUTGOING = 4        # PACKET_OUTGOING
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
PR_SET_PDEATHSIG = 1
HALF = 1 << 31


def connect(address, port):
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection((address, port), timeout=PATIENCE)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def send(sock):
    """Never comes back."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    due = time.monotonic()
    while True:
        sock.sendall(MESSAGE)
        # those that it was too late for are left out
        due = max(due + TICK, time.monotonic())
        time.sleep(max(due - time.monotonic(), 0))


def listen(device):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERYTHING))
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    sock.bind((device, EVERYTHING))
    sock.settimeout(0.1)
    return sock


class Wire:
    """Segments of one connection that are not acknowledged yet."""

    def __init__(self, ours, theirs, seen):
        self.ours, self.theirs, self.seen = ours, theirs, seen
        self.unanswered = collections.deque()
        self.last = None

    def frame(self, frame, outgoing, when):
        if frame[12:14] != b"\x08\x00" or frame[23] != socket.IPPROTO_TCP:
            return
        ip = frame[14:]
        tcp = ip[(ip[0] & 15) * 4:]
        source, target, number, answer = struct.unpack("!HHII", tcp[:12])
        if outgoing and (source, target) == (self.ours, self.theirs):
            size = struct.unpack("!H", ip[2:4])[0] - (ip[0] & 15) * 4 - (tcp[12] >> 4) * 4
            self.sent((number + size) % 2**32, size, when)
        elif not outgoing and (source, target) == (self.theirs, self.ours):
            self.answered(answer, when)

    def sent(self, end, size, when):
        # not one that is sent again
        if size and (self.last is None or 0 < (end - self.last) % 2**32 < HALF):
            self.last = end
            self.unanswered.append((end, when))

    def answered(self, number, when):
        while self.unanswered and (number - self.unanswered[0][0]) % 2**32 < HALF:
            self.seen.waited(when - self.unanswered.popleft()[1])


def stamp(ancillary):
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, ns = struct.unpack("qq", data)
            return seconds * 10**9 + ns
    return time.time_ns()


def main():
    record, address, port, device = sys.argv[1:]
    port = int(port)
    seen = Seen(record)
    sock = connect(address, port)
    tap = listen(device)
    wire = Wire(sock.getsockname()[1], port, seen)
    sender = os.fork()
    if not sender:
        send(sock)
    seen.ready()
    while True:
        try:
            frame, ancillary, _, where = tap.recvmsg(2048, 256)
            wire.frame(frame, where[2] == OUTGOING, stamp(ancillary))
        except TimeoutError:
            pass
        if not seen.error and os.waitpid(sender, os.WNOHANG)[0]:
            seen.error = "the connection has broken"
        seen.tell()


main()
