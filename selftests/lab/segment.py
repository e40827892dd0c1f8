# SPDX-License-Identifier: GPL-2.0
"""What goes over the segment during a migration: segment.py FILE SOURCE.

FILE is a capture (pcap) of the data segment, SOURCE the source's address. Prints
the messages of each lane in order of time, and exits with 1 unless the
destination sends nothing but the transport's acknowledgements from the first
byte of IMAGE to RESUMED.
"""
import socket
import struct
import sys

PORT = 7837
HEAD = struct.Struct("<HHI")	# struct tern_wire
NAMES = {1: "HELLO", 2: "CLOCK", 3: "PREPARE", 4: "READY", 5: "REFUSED", 6: "IMAGE",
         7: "PAGES", 8: "RESUME", 9: "RESUMED", 10: "MAP", 11: "FAULT", 12: "FLUSHED",
         13: "COMPLETE", 14: "INDEPENDENT", 18: "DRAFT", 19: "DRESSED", 20: "WARM"}


def packets(path):
    """(time, source, destination, sport, dport, seq, syn, payload) of each TCP packet."""
    with open(path, "rb") as f:
        magic = f.read(24)[:4]
        order = "<" if magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        unit = 1e-9 if b"\x4d\x3c" in magic or b"\x3c\x4d" in magic else 1e-6
        while True:
            head = f.read(16)
            if len(head) < 16:
                return
            sec, frac, length, _ = struct.unpack(order + "IIII", head)
            frame = f.read(length)
            if len(frame) < 54 or frame[12:14] != b"\x08\x00" or frame[23] != 6:
                continue
            ip = frame[14:]
            tcp = ip[(ip[0] & 15) * 4:struct.unpack("!H", ip[2:4])[0]]
            sport, dport, seq = struct.unpack("!HHI", tcp[:8])
            yield (sec + frac * unit, ip[12:16], ip[16:20], sport, dport, seq,
                   bool(tcp[13] & 2), tcp[(tcp[12] >> 4) * 4:])


class Stream:
    """One direction of one connection: bytes in order, and when each message began."""

    def __init__(self):
        self.next = None
        self.early = {}
        self.buffer = b""
        self.skip = 0
        self.messages = []

    def add(self, when, seq, payload):
        if self.next is None:
            self.next = seq
        self.early[seq] = payload
        while self.next in self.early:
            data = self.early.pop(self.next)
            self.next = (self.next + len(data)) & 0xffffffff
            self.take(when, data)

    def take(self, when, data):
        self.buffer += data
        while self.buffer:
            cut = min(self.skip, len(self.buffer))
            self.buffer = self.buffer[cut:]
            self.skip -= cut
            if self.skip or len(self.buffer) < HEAD.size:
                return
            kind, _, self.skip = HEAD.unpack(self.buffer[:HEAD.size])
            self.buffer = self.buffer[HEAD.size:]
            self.messages.append((when, NAMES.get(kind, str(kind))))


def main():
    source = socket.inet_aton(sys.argv[2])
    streams, back = {}, []
    for when, src, dst, sport, dport, seq, syn, payload in packets(sys.argv[1]):
        if PORT not in (sport, dport) or syn or not payload:
            continue
        if sport == PORT and dst == source:
            back.append((when, len(payload)))
        streams.setdefault((src, sport, dport), Stream()).add(when, seq, payload)
    messages = sorted((when, "to" if key[0] == source else "from", name)
                      for key, stream in streams.items() for when, name in stream.messages)
    begin = [when for when, way, name in messages if name == "IMAGE"]
    end = [when for when, way, name in messages if name == "RESUMED"]
    if not begin or not end or end[0] < begin[0]:
        sys.exit("no migration in %s" % sys.argv[1])
    for when, way, name in messages:
        if when <= end[0]:
            print("%10.3f ms  %-4s %s" % ((when - begin[0]) * 1e3, way, name))
    early = [when for when, _ in back if begin[0] <= when < end[0]]
    print("%d segments with data from the destination before RESUMED" % len(early))
    sys.exit(bool(early))


main()
