# SPDX-License-Identifier: GPL-2.0
"""A client of Redis that asks all the time and checks each answer: asks.py RECORD ADDRESS MIB.

It counts, so it knows what the next number must be; it reads back what it has written; and
it reads at random in MIB that it has put there before it began.
"""
import hashlib
import random
import socket
import sys
import time

from seen import Seen

PORT = 6379
VALUE = 4096
BATCH = 64
PATIENCE = 120      # seconds


def value_of(key):
    return hashlib.shake_128(b"%d" % key).digest(VALUE)


def connect(address):
    end = time.monotonic() + PATIENCE
    while True:
        try:
            sock = socket.create_connection((address, PORT), timeout=PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError:
            # it has just been started
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


class Client:
    def __init__(self, address, seen):
        self.sock = connect(address)
        self.file = self.sock.makefile("rb")
        self.seen = seen
        self.rounds = 0
        self.stock = 0
        # a client before this one may have left something
        self.ask(b"+OK", b"FLUSHALL")

    def say(self, *words):
        return b"*%d\r\n" % len(words) + b"".join(
            b"$%d\r\n%s\r\n" % (len(word), word) for word in words)

    def hear(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("cut off")
        if line[:1] != b"$":
            return line.strip()
        return self.file.read(int(line[1:]) + 2)[:-2]

    def ask(self, wanted, *words):
        begun = time.monotonic_ns()
        self.sock.sendall(self.say(*words))
        got = self.hear()
        self.seen.waited(time.monotonic_ns() - begun)
        if got != wanted:
            raise ValueError("%s: %s and not %s" % (words[:2], got[:40], wanted[:40]))

    def fill(self, mib):
        self.stock = (mib << 20) // VALUE
        for first in range(0, self.stock, BATCH):
            keys = range(first, min(first + BATCH, self.stock))
            self.sock.sendall(b"".join(self.say(b"SET", b"%d" % key, value_of(key))
                                       for key in keys))
            for key in keys:
                if self.hear() != b"+OK":
                    raise ValueError("%d is not taken" % key)

    def round(self):
        self.rounds += 1
        self.ask(b":%d" % self.rounds, b"INCR", b"rounds")
        value = value_of(-self.rounds)[:self.rounds % VALUE]
        self.ask(b"+OK", b"SET", b"value", value)
        self.ask(value, b"GET", b"value")
        if self.stock:
            key = random.randrange(self.stock)
            self.ask(value_of(key), b"GET", b"%d" % key)


def main():
    record, address, mib = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seen = Seen(record)
    client = Client(address, seen)
    client.fill(mib)
    seen.ready()
    while True:
        try:
            if seen.error:
                time.sleep(0.1)
            else:
                client.round()
        except (OSError, EOFError, ValueError) as error:
            seen.error = "after %d rounds: %r" % (client.rounds, error)
        seen.tell()


main()
