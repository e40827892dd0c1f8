#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Big integers, dicts and threads in CPython, checked by doing it all again.

usage: python.py DIR       (see migrant.h for what is in DIR)
"""
import hashlib
import sys
import threading
import time

from migrant import Hops, ready, tell

THREADS = 4


class Chain:
    """A computation whose every step depends on all before it."""

    def __init__(self, seed):
        self.number = 3 ** (1000 + seed)
        self.table = {}
        self.steps = 0

    def step(self):
        self.number = self.number * self.number % (2 ** 8191 - 1) + self.steps
        key = f"{self.number % 9973}"
        self.table[key] = self.table.get(key, 0) + self.number
        if len(self.table) > 500:
            del self.table[next(iter(self.table))]
        self.steps += 1

    def digest(self):
        h = hashlib.sha256(str(self.number % 10 ** 100).encode())
        for key in self.table:
            h.update(f"{key}:{self.table[key] % 10 ** 50}".encode())
        return h.hexdigest()


def work(chain, stop):
    while not stop.is_set():
        chain.step()
        if chain.steps % 4 == 0:
            time.sleep(0.01)


def main():
    chains = [Chain(seed) for seed in range(THREADS)]
    stop = threading.Event()
    threads = [threading.Thread(target=work, args=(chain, stop)) for chain in chains]
    hops = Hops()
    for thread in threads:
        thread.start()
    ready()
    while hops.step(sum(chain.steps for chain in chains)):
        time.sleep(0.2)
    stop.set()
    for thread in threads:
        thread.join()
    for seed, chain in enumerate(chains):
        again = Chain(seed)
        for _ in range(chain.steps):
            again.step()
        if again.digest() != chain.digest():
            tell("verdict", f"FAIL chain {seed} differs after {chain.steps} steps")
            sys.exit(1)
    tell("verdict", f"ok hops={hops.count} steps={[chain.steps for chain in chains]}")


main()
