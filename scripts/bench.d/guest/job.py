# SPDX-License-Identifier: GPL-2.0
"""A fixed piece of computing: job.py RECORD STEPS. The record is its time, ns."""
import os
import sys
import time

record, steps = sys.argv[1], int(sys.argv[2])
open(record + ".ready", "w").close()
begin = time.time_ns()
state = bytearray(range(256)) * 256
total = 0
for step in range(steps):
    at = step * 40503 & 0xffff
    state[at] = (state[at] + state[at ^ 0x5a5a] * 3 + step) & 0xff
    total += state[at]
end = time.time_ns()
with open(record + ".new", "w") as out:
    out.write('{"job":%d,"result":%d,"begin":%d,"end":%d}\n' % (end - begin, total, begin, end))
os.rename(record + ".new", record)
