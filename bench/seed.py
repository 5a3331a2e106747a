"""A table in shared memory for worker processes, as Python does it.

Says as JSON how many seconds it took from the finished table in ordinary
memory to the last sum. Making the table and starting Python are outside that,
starting the manager that makes the segment and the workers is inside.
"""

import json
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.managers import SharedMemoryManager
from multiprocessing.shared_memory import SharedMemory
from time import perf_counter

import numpy as np

DTYPE = np.dtype([("date", "<M8[ns]"), ("val", "<f8"), ("character_col", "S6")])


def make(rows):
    """The table of shm demo."""
    i = np.arange(rows, dtype=np.uint64)
    table = np.empty(rows, DTYPE)
    table["date"] = (1_600_000_000_000_000_000 + i * 1_000_000_000).view("<M8[ns]")
    table["val"] = (i * 2654435761 & 0xFFFFFFFF) / 2**32
    table["val"][1::2] = np.nan
    table["character_col"] = np.resize(np.array([b"c%05d" % k for k in range(100_000)]), rows)
    return table


def private_bytes():
    """What this process has for itself, as shm demo counts it."""
    with open("/proc/self/smaps_rollup") as lines:
        return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_"))


def start(barrier):
    global all_have_one
    all_have_one = barrier


def worker(name, rows):
    shm = SharedMemory(name)
    r = np.recarray(shape=rows, dtype=DTYPE, buf=shm.buf)
    report = float(np.nansum(r.val)), private_bytes()
    all_have_one.wait()  # else a fast worker might do a slow one's part too
    del r
    shm.close()
    return report


def main(rows, workers):
    table = make(rows)
    begin = perf_counter()
    with SharedMemoryManager() as manager:
        shm = manager.SharedMemory(table.nbytes)
        r = np.recarray(shape=rows, dtype=DTYPE, buf=shm.buf)
        np.copyto(r, table)
        barrier = multiprocessing.Barrier(workers, timeout=600)
        with ProcessPoolExecutor(workers, initializer=start, initargs=(barrier,)) as pool:
            reports = list(pool.map(worker, [shm.name] * workers, [rows] * workers))
            seconds = perf_counter() - begin
        del r
        shm.close()
    sums, private = zip(*reports)
    if len(set(sums)) > 1:
        sys.exit(f"the sums differ: {sums}")
    print(json.dumps({"seconds": seconds, "sum": sums[0], "private_bytes_max": max(private)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
