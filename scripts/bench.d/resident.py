# SPDX-License-Identifier: GPL-2.0
"""A migrant with so many MiB resident: resident.py MIB. Touches some of it."""
import sys
import time

size = int(sys.argv[1]) << 20
heap = bytearray(size)
for at in range(0, size, 4096):
    heap[at:at + 8] = at.to_bytes(8, "little")
print("ready", flush=True)
at = 0
while True:
    if int.from_bytes(heap[at:at + 8], "little") != at:
        sys.exit("wrong data at %d" % at)
    at = (at + 4096 * 61) % size
    time.sleep(0.02)
