"""What both sides say of a table, value by value, in numbers that JSON keeps."""

import struct

import numpy as np


def bits(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def account(name, r):
    return {
        "name": name,
        "dtype": repr(r.dtype),
        "raw": r["date"].view("i8").tolist(),
        "date": r["date"].astype("M8[ns]").view("i8").tolist(),
        "val": [bits(x) for x in r["val"].tolist()],
        "text": [s.hex() for s in r["character_col"].tolist()],
        "nansum": bits(np.nansum(r["val"])),
    }


def write(r, rows):
    for i, date, val, text in rows:
        r["date"][i] = np.datetime64(date, "ns")
        r["val"][i] = struct.unpack("<d", struct.pack("<Q", val))[0]
        r["character_col"][i] = bytes.fromhex(text)
