# SPDX-License-Identifier: GPL-2.0
"""Time of fork, exec and wait of /bin/true, ns: MIN MEDIAN MAX of 50."""
import os
import statistics
import time

times = []
for _ in range(50):
    begin = time.perf_counter_ns()
    os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)
    times.append(time.perf_counter_ns() - begin)
print(min(times), int(statistics.median(times)), max(times))
