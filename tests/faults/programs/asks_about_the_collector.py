"""Turns the collector off and on for some seconds, beside a thread that computes, and tells what surprised it.

asks_about_the_collector.py FOLDER
"""

import gc
import os
import sys
import threading
import time

folder = sys.argv[1]
sys.setswitchinterval(1e-6)
surprises = set()
over = False


def computes():
    while not over:
        sum(range(50))


worker = threading.Thread(target=computes)
worker.start()
print("ready", flush=True)
end = None
while end is None or time.monotonic() < end:
    gc.disable()
    for _ in range(100):
        if gc.isenabled():
            surprises.add("on after disable")
    gc.enable()
    for _ in range(100):
        if not gc.isenabled():
            surprises.add("off after enable")
    if end is None and os.path.exists(folder + "/go"):
        end = time.monotonic() + 1
over = True
worker.join()
print("surprises", sorted(surprises))
