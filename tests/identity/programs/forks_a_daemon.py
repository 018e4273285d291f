"""Becomes a daemon the old way: two forks, a session of its own, all descriptors closed; writes a log and ends."""

import os
import sys

print("before", flush=True)
if os.fork():
    os.wait()
    print("the first is gone", flush=True)
    sys.exit(4)
os.setsid()
if os.fork():
    os._exit(0)
os.closerange(0, 256)
log = os.open("daemon.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
for number in range(200):
    os.write(log, f"line {number}\n".encode())
with open("data.txt", "w") as data:
    data.write("".join(f"{number * number}\n" for number in range(2000)))
