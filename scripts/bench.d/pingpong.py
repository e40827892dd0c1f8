# SPDX-License-Identifier: GPL-2.0
"""Ping-pong over a warm TCP connection.

pingpong.py serve ADDRESS            answers as many bytes as it was sent
pingpong.py ADDRESS ROUNDS BYTES…    prints "BYTES MIN MEDIAN MAX" of the round trip, ns
"""
import socket
import statistics
import struct
import sys
import time

PORT = 7838


def receive(sock, count):
    data = bytearray(count)
    view = memoryview(data)
    while view:
        got = sock.recv_into(view)
        if not got:
            raise EOFError
        view = view[got:]
    return data


def serve(address):
    listener = socket.create_server((address, PORT))
    sock, _ = listener.accept()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while True:
            count, = struct.unpack("!I", receive(sock, 4))
            sock.sendall(receive(sock, count))
    except EOFError:
        pass


def rounds(sock, count, size):
    message = struct.pack("!I", size) + bytes(size)
    times = []
    for _ in range(count):
        begin = time.perf_counter_ns()
        sock.sendall(message)
        receive(sock, size)
        times.append(time.perf_counter_ns() - begin)
    return times


def main():
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
        return
    sock = socket.create_connection((sys.argv[1], PORT))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for size in map(int, sys.argv[3:]):
        rounds(sock, 5, size)
        times = rounds(sock, int(sys.argv[2]), size)
        print(size, min(times), int(statistics.median(times)), max(times))


main()
