#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""It is in multicast groups, and tells what it hears: numbers, one more each time, from whoever
sends them. Each group is heard on the interface whose number it has looked up at first.

	239.7.0.1, ff15::7	from anybody
	232.7.0.2		from SOURCE only
	239.7.0.3		from anybody but SOURCE

(The last two from two, of whom each sends both.) The last one is on a socket of IPv6, which is
bound to the device; and one that sends is bound to it, too.

And it sends numbers of its own to 239.7.0.9 and ff15::9, by the same interface.

usage: hears.py DIR SOURCE	(see migrant.h for what is in DIR; DIR/heard: of each group how
				many, how many of these twice, how many never)
"""
import socket
import struct
import sys
import time

from migrant import Hops, ready, tell

PORT = 7200
SOURCE = socket.inet_aton(sys.argv[2])
INDEX = socket.if_nametoindex("eth0")
MCAST_JOIN_GROUP, MCAST_BLOCK_SOURCE, MCAST_JOIN_SOURCE_GROUP = 42, 43, 46
IPV6_RECVPKTINFO, IPV6_PKTINFO, IP_PKTINFO = 49, 50, 8


def sockaddr(address, port=0):
    """struct sockaddr_storage"""
    if ":" in address:
        return struct.pack("=HHI16sI100x", socket.AF_INET6, socket.htons(port), 0,
                           socket.inet_pton(socket.AF_INET6, address), 0)
    return struct.pack("=HH4s120x", socket.AF_INET, socket.htons(port),
                       socket.inet_aton(address))


class Group:
    def __init__(self, address, may_be_from=lambda address: True, mapped=False):
        self.address, self.may_be_from, self.mapped = address, may_be_from, mapped
        self.got, self.twice, self.lost, self.last = 0, 0, 0, None
        v6 = ":" in address
        self.level = socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP
        self.sock = socket.socket(socket.AF_INET6 if v6 or mapped else socket.AF_INET,
                                  socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind(("::ffff:" + address if mapped else address, PORT))
        self.sock.setsockopt(self.level, IPV6_RECVPKTINFO if v6 else IP_PKTINFO, 1)

    def request(self, name, *sources):
        """struct group_req, group_source_req"""
        self.sock.setsockopt(self.level, name, struct.pack("=Ixxxx", INDEX) +
                             b"".join(map(sockaddr, (self.address, *sources))))

    def hear(self):
        while True:
            try:
                data, info, _, sender = self.sock.recvmsg(100, 100)
            except BlockingIOError:
                return
            index = struct.unpack("=I", info[0][2][16:20] if self.level == socket.IPPROTO_IPV6
                                  else info[0][2][:4])[0]
            assert index == INDEX, f"{self.address}: by interface {index}"
            sender = sender[0].removeprefix("::ffff:")
            assert self.may_be_from(sender), f"{self.address}: from {sender}"
            number = int(data)
            if self.last is not None:
                self.twice += number <= self.last
                self.lost += max(0, number - self.last - 1)
            self.last = number if self.last is None else max(number, self.last)
            self.got += 1


def senders():
    """What they send comes from the interface that they name: by address, by number, twice."""
    four, six = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(
        socket.AF_INET6, socket.SOCK_DGRAM)
    four.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=4s4sI", b"", b"",
                                                                          INDEX))
    four.setsockopt(socket.IPPROTO_IP, 50, struct.pack(">I", INDEX))	# IP_UNICAST_IF
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, INDEX)
    six.setsockopt(socket.IPPROTO_IPV6, 76, struct.pack(">I", INDEX))	# IPV6_UNICAST_IF
    six.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    return ((four, "239.7.0.9"), (six, "ff15::9"))


def options(sender):
    four, six = sender[0][0], sender[1][0]
    return (four.getsockopt(socket.IPPROTO_IP, 50, 4),
            six.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF),
            six.getsockopt(socket.IPPROTO_IPV6, 76, 4))


def main():
    hops = Hops()
    source = socket.inet_ntoa(SOURCE)
    groups = [Group("239.7.0.1"), Group("ff15::7"),
              Group("232.7.0.2", lambda sender: sender == source),
              Group("239.7.0.3", lambda sender: sender != source, mapped=True)]
    groups[3].sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    groups[0].request(MCAST_JOIN_GROUP)
    groups[1].request(MCAST_JOIN_GROUP)
    groups[2].request(MCAST_JOIN_SOURCE_GROUP, source)
    groups[3].request(MCAST_JOIN_GROUP)
    groups[3].request(MCAST_BLOCK_SOURCE, source)
    sender = senders()
    set_to = options(sender)
    beats = 0
    ready()
    while hops.step(beats):
        for g in groups:
            g.hear()
        assert options(sender) == set_to, f"options {options(sender)}, were {set_to}"
        for sock, address in sender:
            sock.sendto(b"%d" % beats, (address, PORT))
        tell("heard", " ".join(f"{g.got}/{g.twice}/{g.lost}" for g in groups))
        beats += 1
        time.sleep(0.01)
    tell("verdict", f"ok hops={hops.count}")


try:
    main()
except Exception as e:  # pylint: disable=broad-except
    tell("verdict", f"failed: {e!r}")
    raise
