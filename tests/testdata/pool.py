"""Lets two worker processes write their thirds of a table at the same time."""

import ast
import json
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.shared_memory import SharedMemory

import numpy as np


def start(name, dtype, n, both):
    global shm, r, meet
    shm = SharedMemory(name)
    r = np.recarray(shape=n, dtype=dtype, buf=shm.buf)
    meet = both


def fill(first, last):
    meet.wait(30)  # so that each worker takes one part
    r["val"][first:last] = np.arange(first, last)
    return os.getpid()


if __name__ == "__main__":
    name, dtype, n = sys.argv[1], ast.literal_eval(sys.argv[2]), int(sys.argv[3])
    both = multiprocessing.Barrier(2)
    with ProcessPoolExecutor(2, initializer=start, initargs=(name, dtype, n, both)) as pool:
        for line in sys.stdin:
            parts = json.loads(line)
            pids = pool.map(fill, *zip(*parts))
            print(json.dumps(len(set(pids))), flush=True)
