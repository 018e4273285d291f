"""Forks as C code does, past all of Python's own preparations, and prints how the children ended.

forks_in_c.py FOLDER HOW COUNT: `released` or `held`, the GIL during fork(); `sleepers` also has threads that sleep.
"""

import ctypes
import os
import signal
import sys
import threading
import time

folder, how, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
libc = (ctypes.PyDLL if how == "held" else ctypes.CDLL)(None)
print("ready", flush=True)
while not os.path.exists(os.path.join(folder, "go")):
    time.sleep(0.01)
sys.setswitchinterval(1e-6)  # whoever waits for the GIL asks for it at once
if how == "sleepers":
    for _ in range(3):
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()


def work(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(50))


def end_of(child):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        work(0.0002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hung"


ends = {}
for _ in range(count):
    work(0.002)
    child = libc.fork()
    if child == 0:
        work(0.001)
        os._exit(7)
    end = end_of(child)
    ends[end] = ends.get(end, 0) + 1
print(ends, flush=True)
os._exit(0)
