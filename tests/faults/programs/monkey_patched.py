"""A program that gevent has patched: a ticker measures how late it wakes while others work.

monkey_patched.py FOLDER
"""

import gevent.monkey

gevent.monkey.patch_all()
import os
import sys
import time

import gevent

folder = sys.argv[1]
late = []


def tick():
    while not os.path.exists(os.path.join(folder, "go")):
        before = time.monotonic()
        gevent.sleep(0.01)
        late.append(time.monotonic() - before - 0.01)


def other(n):
    while not os.path.exists(os.path.join(folder, "go")):
        sum(range(n))
        gevent.sleep(0.003)


jobs = [gevent.spawn(tick)] + [gevent.spawn(other, 50 + n) for n in range(4)]
print("ready", flush=True)
gevent.joinall(jobs)
print(f"longest {max(late) * 1000:.0f} ms")
