"""Attaches to records by name, dtype and length.

For every line, a list of rows, it writes those and says what it sees.
"""

import ast
import json
import sys
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from account import account, write

name, dtype, n = sys.argv[1:]
shm = SharedMemory(name)
r = np.recarray(shape=int(n), dtype=ast.literal_eval(dtype), buf=shm.buf)
for line in sys.stdin:
    write(r, json.loads(line))
    print(json.dumps(account(shm.name, r)), flush=True)

del r
shm.close()
