#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Memory that can be packed: copies of one block of noise, and text.

usage: copies.py DIR MIB       (see migrant.h for what is in DIR)
"""
import hashlib
import sys
import time

from migrant import Hops, ready, tell

BLOCKS = int(sys.argv[2])
SIZE = 1 << 20


def make_noise():
    return hashlib.shake_256(b"noise").digest(SIZE)


def block(number, noise):
    """What block NUMBER has in it."""
    if number % 4:
        return noise
    line = b"block %d is of this text, and of nothing else\n" % number
    return (line * (SIZE // len(line) + 1))[:SIZE]


def main():
    noise = make_noise()
    memory = bytearray(BLOCKS * SIZE)
    for number in range(BLOCKS):
        memory[number * SIZE:(number + 1) * SIZE] = block(number, noise)
    hops = Hops()
    beats = 0
    ready()
    while hops.step(beats):
        beats += 1
        # something that is different at every moment
        memory[beats * 4099 % len(memory)] ^= 255
        time.sleep(0.1)
    for beat in range(1, beats + 1):
        memory[beat * 4099 % len(memory)] ^= 255
    noise = make_noise()
    for number in range(BLOCKS):
        if memory[number * SIZE:(number + 1) * SIZE] != block(number, noise):
            tell("verdict", f"FAIL block {number} differs after {beats} beats")
            sys.exit(1)
    tell("verdict", f"ok hops={hops.count} beats={beats}")


main()
