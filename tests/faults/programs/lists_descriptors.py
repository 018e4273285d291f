"""Writes which descriptors it has, and what it finds in one that it was given, into a file: argument 1."""

import json
import os
import socket
import sys


def listed():
    rows = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            what = os.readlink(f"/proc/self/fd/{name}")
        except OSError:  # that of the list itself
            continue
        rows[int(name)] = (what, os.get_inheritable(int(name)))
    return rows


rows = listed()
answer = {"descriptors": rows}
if os.environ.get("LISTEN_PID") == str(os.getpid()):
    with socket.socket(fileno=3) as given:
        answer["listens_at"] = given.getsockname()[1]
with open(sys.argv[1], "w") as file:
    json.dump(answer, file)
