"""Maps a .npy image by its path alone and says first whether numpy.save writes the same.

Then, for every line, a list of rows, it writes those and says what it sees.
"""

import io
import json
import os
import sys

import numpy as np

from account import account, write

path = sys.argv[1]
r = np.load(path, mmap_mode="r+")
saved = io.BytesIO()
np.save(saved, r)
with open(path, "rb") as image:
    print(json.dumps(saved.getvalue() == image.read()), flush=True)
for line in sys.stdin:
    write(r, json.loads(line))
    print(json.dumps(account(os.path.basename(path), r)), flush=True)
