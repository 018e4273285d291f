"""A program that is entered by another user's Scope and means harm: usage LIBRARY MODE [VICTIM].

LIBRARY is `before_sending.c`, loaded before the C library: what the agent sends passes through `attack`.
"""

import ctypes
import json
import os
import re
import sys
import threading
import time

library, mode = sys.argv[1:3]
victim = sys.argv[3] if len(sys.argv) > 3 else ""


def pool_folder():
    with open("/proc/self/maps") as maps:
        return re.search(r"(/\S+)/pool\.bin", maps.read())[1]


def flood(fd):
    line = json.dumps({"event": "error", "message": "\x1b[2J" + "x" * 1000}).encode() + b"\n"
    while True:
        os.write(fd, line * 50)


def cut_short(pool):
    time.sleep(0.3)
    os.truncate(pool + "/pool.bin", 0)


def attack(fd, data):
    if b'"hello"' in data and mode == "odd-greeting":
        message = json.loads(data) | {"python": ["a", {"b": 1}]}
        return os.write(fd, json.dumps(message).encode() + b"\n")
    if b'"recording"' not in data or b'"cost"' not in data:
        return -1
    message, pool = json.loads(data), pool_folder()
    for name in ("pool.bin", "defs.bin"):
        if mode in (f"link-{name}", f"fifo-{name}"):
            os.rename(f"{pool}/{name}", f"{pool}/old-{name}")
            os.symlink(victim, f"{pool}/{name}") if "link" in mode else os.mkfifo(f"{pool}/{name}")
    if mode == "odd-costs":
        message["cost"] = {"agent_thread": "../../etc", "loops": {"recorded_calls": [1, 10**300, 10**400]}}
    os.write(fd, json.dumps(message).encode() + b"\n")
    if mode == "cut-short":
        threading.Thread(target=cut_short, args=(pool,), daemon=True).start()
    if mode == "flood":
        threading.Thread(target=flood, args=(fd,), daemon=True).start()
    return len(data)


@ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_long)
def before_sending(fd, data, size):
    try:
        return attack(fd, ctypes.string_at(data, size))
    except OSError:
        return size


ctypes.CDLL(library).set_before_sending(ctypes.cast(before_sending, ctypes.c_void_p))
print("ready", flush=True)


def tick(i):
    return i + 1


i = 0
while True:
    i = tick(i)
    time.sleep(0.005)
