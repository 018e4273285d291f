"""A program that is entered and becomes another one, of root's, when Scope is at it: usage FOLDER PROGRAM.

FOLDER is where Scope makes its private folders. There is so much to see in this program's memory that Scope is at it
for a while.
"""

import ctypes
import mmap
import os
import sys

PAGES = 12_000
folder, program = sys.argv[1:]
memory = mmap.mmap(-1, PAGES * mmap.PAGESIZE)
start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
libc = ctypes.CDLL(None)
for page in range(0, PAGES, 2):
    libc.mprotect(ctypes.c_void_p(start + page * mmap.PAGESIZE), ctypes.c_size_t(mmap.PAGESIZE), 0)
print("ready", flush=True)
while not any(name.startswith("scope-") for name in os.listdir(folder)):
    pass
after = "import os, time; print('became', os.geteuid(), flush=True)\nwhile True: time.sleep(0.01)"
os.execv(program, [program, "-I", "-S", "-c", after])
