#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Appends to a file of a file server as fast as it can, and looks at all of it after each move.

usage: journal.py DIR FILE OTHER [child]    (see migrant.h for what is in DIR)

FILE is made, and opened once. What is looked at is its size by descriptor and by name, its
contents by that descriptor and by another one, and where its end is. FILE.mark is written once,
in place again when DIR/mark is there, which DIR/marked acknowledges. OTHER is there, and is
read meanwhile. In DIR: "wrote" and "other" say how often. A child opens FILE again and again.
"""
import os
import signal
import sys
import threading
import time

from migrant import Hops, ready, tell

RECORD = 4096


def record(number):
    return f"{number:015}\n".encode() * (RECORD // 16)


class Journal:
    """The file, and what has to be in it."""

    def __init__(self, path):
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        self.count = 0
        self.mark = os.open(path + ".mark", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        self.marks = 0
        os.pwrite(self.mark, record(0), 0)

    def mark_again(self):
        self.marks += 1
        os.pwrite(self.mark, record(self.marks), 0)
        tell("marked", str(self.marks))

    def append(self):
        if os.write(self.fd, record(self.count)) != RECORD:
            raise OSError("a short write")
        self.count += 1

    def whole(self, fd):
        for number in range(self.count):
            got = os.pread(fd, RECORD, number * RECORD)
            if got != record(number):
                return f"record {number} of {self.count}: {got[:16]} of {len(got)}"
        return "" if not os.pread(fd, 1, self.count * RECORD) else "more than was written"

    def wrong(self):
        """What is not as it has been written; empty: nothing."""
        size = self.count * RECORD
        if os.fstat(self.fd).st_size != size:
            return f"size {os.fstat(self.fd).st_size} and not {size}"
        if os.stat(self.path).st_size != size:
            return f"size by name {os.stat(self.path).st_size} and not {size}"
        if os.lseek(self.fd, 0, os.SEEK_END) != size:
            return "the end is elsewhere"
        if os.pread(self.mark, RECORD, 0) != record(self.marks):
            return "what was written in place is not there"
        fd = os.open(self.path, os.O_RDONLY)
        wrong = self.whole(self.fd) or self.whole(fd)
        os.close(fd)
        return wrong


def write(journal, end, wrong):
    host = os.uname().nodename
    while not end.is_set() and not wrong:
        # with others between them, so that a move may come between any two
        journal.append()
        tell("wrote", str(journal.count))
        if not journal.marks and os.path.lexists(sys.argv[1] + "/mark"):
            journal.mark_again()
        if os.uname().nodename == host:
            continue
        host = os.uname().nodename
        why = journal.wrong()
        if why:
            wrong.append(f"on {host}: {why}")
        tell("looked", host)


def read(path, end, wrong):
    with open(path, "rb", buffering=0) as file:
        first = file.read()
        count = 0
        while not end.is_set() and not wrong:
            file.seek(0)
            if file.read() != first:
                wrong.append("another file has changed")
            count += 1
            tell("other", str(count))


def opens(path):
    """In a process of its own, until it is ended: what it finds is what has been written first."""
    first = record(0)
    while True:
        fd = os.open(path, os.O_RDWR)
        time.sleep(.01)
        if os.pread(fd, RECORD, 0) != first:
            tell("verdict", "the child has found something else")
            os._exit(1)
        os.close(fd)


def main():
    hops, end, wrong = Hops(), threading.Event(), []
    journal = Journal(sys.argv[2])
    child = 0
    if sys.argv[4:] == ["child"]:
        journal.append()
        child = os.fork()
        if not child:
            opens(sys.argv[2])
    threads = [threading.Thread(target=write, args=(journal, end, wrong)),
               threading.Thread(target=read, args=(sys.argv[3], end, wrong))]
    for thread in threads:
        thread.start()
    ready()
    beats = 0
    while hops.step(beats) and not wrong:
        beats += 1
    end.set()
    for thread in threads:
        thread.join()
    if child:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    why = wrong[0] if wrong else journal.wrong()
    tell("verdict", why or f"ok hops={hops.count} wrote={journal.count}")


main()
