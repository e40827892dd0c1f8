# SPDX-License-Identifier: GPL-2.0
# Matrices, by a library with threads of its own; the last one depends on all before.
import hashlib
import sys

import numpy

a = numpy.random.default_rng(7).random((240, 240))
for step in range(int(sys.argv[1])):
    a = numpy.tanh(a @ a.T / 240 + step % 7)
print(hashlib.sha256(a.tobytes()).hexdigest())
