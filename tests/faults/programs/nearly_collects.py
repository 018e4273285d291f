"""Waits again and again with garbage just below what starts a collection, and tells where finalizers ran.

nearly_collects.py FOLDER
"""

import gc
import io
import os
import sys
import threading
import time
import warnings

folder = sys.argv[1]
threads, places = set(), set()


class Tells:
    def __init__(self):
        self.itself = self
        self.file = io.FileIO(__file__)  # closed by the collector, with a warning that names a place

    def __del__(self):
        threads.add(threading.current_thread().name)


class Small:
    def __init__(self):
        self.itself = self


def warned(message, category, filename, *rest):
    places.add((os.path.basename(filename), "unclosed file" in str(message)))


def nearly_fill():
    Tells()
    while gc.get_count()[0] < gc.get_threshold()[0] - 3:
        Small()


warnings.showwarning = warned
gc.collect()
print("ready", flush=True)
while not os.path.exists(folder + "/go"):
    time.sleep(0.01)
for _ in range(6):
    nearly_fill()
    time.sleep(0.3)
gc.collect()
print("finalizers on", sorted(threads))
print("warnings in", sorted(places))
print("threads", [thread.name for thread in threading.enumerate()])
