"""The longest time that COUNT idle threads and this one were kept from running, in ms, once a line comes in.

Usage: longest_pause.py COUNT. Prints "ready", and then for each line on stdin the longest pause since the one before.
"""

import sys
import threading
import time

threading.stack_size(256 << 10)
over = threading.Event()
threads = [threading.Thread(target=over.wait) for _ in range(int(sys.argv[1]))]
for thread in threads:
    thread.start()
longest = [0.0]


def watch():
    last = time.monotonic()
    while not over.wait(0.0005):
        now = time.monotonic()
        longest[0] = max(longest[0], now - last)
        last = now


watcher = threading.Thread(target=watch)
watcher.start()
print("ready", flush=True)
for _ in sys.stdin:
    print(f"{longest[0] * 1000:.3f}", flush=True)
    longest[0] = 0.0
over.set()
