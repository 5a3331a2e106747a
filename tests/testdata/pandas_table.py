"""Puts a DataFrame into shared memory, the usual way, and says what is in it.

The first account is the DataFrame's own and knows nothing of records. Then,
for every line, comes one of the records as they are in shared memory.
"""

import json
import random
import sys
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import pandas as pd

from account import account, bits

n = int(sys.argv[1])
random.seed(n)
df = pd.DataFrame({
    "date": pd.date_range("1969-12-31 23:30", periods=n, freq="977ms"),
    "val": [random.gauss(0, 1) * 10 ** random.uniform(-3, 3) for _ in range(n)],
    "character_col": ["", "a", "abcdef", "cut to six"] * (n // 4) + ["b"] * (n % 4),
})
df.loc[1::5, "date"] = pd.NaT
df.loc[::3, "val"] = np.nan
df.loc[1:4, "val"] = [-0.0, 5e-324, float("nan"), 0.1]

records = df.to_records(index=False, column_dtypes={"character_col": "S6"})
shm = SharedMemory(create=True, size=records.nbytes)
r = np.recarray(shape=records.shape, dtype=records.dtype, buf=shm.buf)
r[:] = records

print(json.dumps({
    "name": shm.name,
    "dtype": repr(r.dtype),
    "str": str(r.dtype),
    "raw": records["date"].view("i8").tolist(),
    "date": [t.value for t in df["date"]],
    "val": [bits(x) for x in df["val"]],
    "text": [s.encode()[:6].hex() for s in df["character_col"]],
    "nansum": bits(np.nansum(records["val"])),
}), flush=True)
for line in sys.stdin:
    print(json.dumps(account(shm.name, r)), flush=True)

del r
shm.close()
shm.unlink()
