#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Memory that can be packed: copies of one block of noise, and text.

usage: copies.py DIR MIB       (see migrant.h for what is in DIR)
"""
import hashlib
import os
import sys
import time

DIR = sys.argv[1]
BLOCKS = int(sys.argv[2])
SIZE = 1 << 20


def tell(name, text):
    tmp = f"{DIR}/.{name}.{os.getpid()}"
    os.symlink(text, tmp)
    os.rename(tmp, f"{DIR}/{name}")


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
    host = os.uname().nodename
    hops = beats = 0
    tell("pid", str(os.getpid()))
    tell("ready", "yes")
    while not os.path.exists(f"{DIR}/stop"):
        if os.uname().nodename != host:
            host = os.uname().nodename
            hops += 1
        beats += 1
        # something that is different at every moment
        memory[beats * 4099 % len(memory)] ^= 255
        tell("progress", f"beats={beats} host={host} hops={hops}")
        time.sleep(0.1)
    for beat in range(1, beats + 1):
        memory[beat * 4099 % len(memory)] ^= 255
    noise = make_noise()
    for number in range(BLOCKS):
        if memory[number * SIZE:(number + 1) * SIZE] != block(number, noise):
            tell("verdict", f"FAIL block {number} differs after {beats} beats")
            sys.exit(1)
    tell("verdict", f"ok hops={hops} beats={beats}")


main()
