"""Threads that wait in known ways for as long as the program runs, one that burns CPU time, and one that takes turns.

Arguments: the log, how often to take turns. Goes on once a recorder has been loaded into it. A line of the log:
CLOCK_MONOTONIC ns, then `waits` or `runs`: what the thread `turns` does from then on.
"""

import os
import queue
import select
import socket
import sys
import threading
import time

log = []
TURNS, TURN_S = int(sys.argv[2]), 0.5
server, pipe = socket.create_server(("127.0.0.1", 0)), os.pipe()
held = threading.Lock()
held.acquire()
has_ended = threading.Event()
sleeper = threading.Thread(target=time.sleep, args=(1000,), name="sleep", daemon=True)
WAYS = {
    "lock": held.acquire,
    "event": has_ended.wait,
    "queue": queue.Queue().get,
    "accept": server.accept,
    "select": lambda: select.select([pipe[0]], [], []),
    "read": lambda: os.read(pipe[0], 1),
    "timed": lambda: has_ended.wait(1000),
    "join": sleeper.join,
}


def burn():
    while True:
        sum(range(2000))


def turns():
    for _ in range(TURNS):
        log.append(f"{time.monotonic_ns()} waits\n")
        time.sleep(TURN_S)
        log.append(f"{time.monotonic_ns()} runs\n")
        end = time.monotonic() + TURN_S
        while time.monotonic() < end:
            sum(range(2000))
    log.append(f"{time.monotonic_ns()} ends\n")
    open(sys.argv[1], "w").writelines(log)
    has_ended.set()


threads = [threading.Thread(target=way, name=name, daemon=True) for name, way in WAYS.items()]
threads += [threading.Thread(target=burn, name="burn", daemon=True)]
for thread in [sleeper, *threads]:
    thread.start()
print("ready", os.getpid(), flush=True)
while "_scope_recorder" not in open("/proc/self/maps").read():
    time.sleep(0.05)
time.sleep(0.3)
threading.Thread(target=turns, name="turns", daemon=True).start()
has_ended.wait()
