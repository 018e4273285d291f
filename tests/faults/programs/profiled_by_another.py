"""Calls a function all the time, under a profiler of its own as the first argument says: always, later, or taken out.

It goes on until the file of the second argument is there.
"""

import cProfile
import os
import sys
import time


def f(n):
    return n + 1


def turns(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(100):
            f(1)
        time.sleep(0.005)


def main(how, stop):
    profiler = cProfile.Profile()
    if how == "always":
        profiler.enable()
    print("ready", flush=True)
    while not os.path.exists(stop):
        turns(0.6)
        if how == "later":
            profiler.enable()
            turns(0.8)
            profiler.disable()
        if how == "taken":
            sys.setprofile(None)
    turns(0.6)


main(sys.argv[1], sys.argv[2])
