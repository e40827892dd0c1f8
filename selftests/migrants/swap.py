#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Two pieces of memory that change places all the time, by mremap(2): page tables
move as a whole, and no page looks as if it had been written to.

usage: swap.py DIR       (see migrant.h for what is in DIR)
"""
import ctypes
import sys
import time

from migrant import Hops, ready, tell

SIZE = 4 << 20
BASE = 0x200000000000
A, B, ASIDE = BASE, BASE + 2 * SIZE, BASE + 4 * SIZE
PROT, FLAGS = 3, 0x100022           # read and write; private, anonymous, fixed
MOVE = 3                            # may move, to a fixed address
NOHUGEPAGE = 15

libc = ctypes.CDLL(None, use_errno=True)
for name in ("mmap", "mremap"):
    getattr(libc, name).restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
libc.mremap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int,
                        ctypes.c_void_p]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def make(addr, byte):
    if libc.mmap(addr, SIZE, PROT, FLAGS, -1, 0) != addr:
        sys.exit(1)
    libc.madvise(addr, SIZE, NOHUGEPAGE)
    ctypes.memset(addr, byte, SIZE)


def move(start, end):
    if libc.mremap(start, SIZE, SIZE, MOVE, end) != end:
        sys.exit(1)


def holds(addr, byte):
    return ctypes.string_at(addr, SIZE) == bytes([byte]) * SIZE


def main():
    at = [1, 2]
    make(A, 1)
    make(B, 2)
    hops = Hops()
    swaps = 0
    ready()
    while hops.step(swaps):
        move(A, ASIDE)
        move(B, A)
        move(ASIDE, B)
        at.reverse()
        swaps += 1
        time.sleep(0.2)
        if not (holds(A, at[0]) and holds(B, at[1])):
            tell("verdict", f"FAIL wrong contents after {swaps} swaps and {hops.count} hops")
            sys.exit(1)
    tell("verdict", f"ok hops={hops.count} swaps={swaps}")


main()
