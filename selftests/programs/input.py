# SPDX-License-Identifier: GPL-2.0
# What programs work on, the same each time: input.py c FUNCTIONS | yuv FRAMES | json RECORDS
import json
import random
import sys

kind, size = sys.argv[1], int(sys.argv[2])
rng = random.Random(5)
if kind == "c":
    for n in range(size):
        print(f"static int f{n}(int *p, int n)\n{{\n\tint i, s = {n};\n")
        print("\tfor (i = 0; i < n; i++)")
        print(f"\t\ts = p[i] % {rng.randrange(1, 99)} ? s * {rng.randrange(99)} + p[i] : s ^ p[i];")
        print("\treturn s;\n}\n")
    print("int all(int *p, int n)\n{\n\treturn 0")
    for n in range(size):
        print(f"\t\t+ f{n}(p, n)")
    print("\t\t;\n}")
elif kind == "yuv":
    luma = bytearray(rng.randbytes(176 * 144))
    for frame in range(size):
        luma = luma[177:] + luma[:177]
        for i in range(400):
            luma[rng.randrange(len(luma))] = rng.randrange(256)
        sys.stdout.buffer.write(luma + bytes([128]) * (176 * 144 // 2))
elif kind == "json":
    json.dump([{"id": n, "name": f"record {n}", "tags": [rng.randrange(999) for _ in range(9)],
                "more": {"even": n % 2 == 0, "share": rng.random()}} for n in range(size)],
              sys.stdout)
