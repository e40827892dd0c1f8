#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A server with one client, of which it reads numbered bytes.

usage: reads.py DIR PORT       (see migrant.h for what is in DIR)
"""
import socket
import sys

from migrant import Hops, ready, tell


def main():
    hops = Hops()
    server = socket.create_server(("", int(sys.argv[2])))
    ready()
    client = server.accept()[0]
    client.settimeout(0.02)
    beats = count = 0
    while hops.step(beats):
        beats += 1
        try:
            data = client.recv(65536)
        except TimeoutError:
            continue
        if data != bytes((count + i) & 0xff for i in range(len(data))):
            tell("verdict", f"not what was sent, behind {count} bytes")
            return
        count += len(data)
        tell("read", str(count))
    tell("verdict", f"ok hops={hops.count} read={count}")


main()
