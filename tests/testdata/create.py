"""Makes a segment, under a name of its own or the one given, and holds it."""

import json
import sys
from multiprocessing.shared_memory import SharedMemory

shm = SharedMemory(*sys.argv[1:], create=True, size=5000)
shm.buf[:5] = b"hello"
print(json.dumps(shm.name), flush=True)
for line in sys.stdin:
    print(json.dumps(shm.buf[:5].tobytes().decode()), flush=True)
