"""Calls a function all the time, under a profiler of its own as the first argument says: always, later, or taken out.

It goes on until the file of the second argument is there. The third is a log: CLOCK_MONOTONIC just before the calls of
each turn of its loop, so that a machine that stood still is not taken for calls that nobody recorded.
"""

import cProfile
import os
import sys
import time


def f(n):
    return n + 1


def turns(seconds, log):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        log.write(f"{time.clock_gettime_ns(time.CLOCK_MONOTONIC)} turn\n")
        for _ in range(100):
            f(1)
        time.sleep(0.005)


def main(how, stop, log):
    profiler = cProfile.Profile()
    if how == "always":
        profiler.enable()
    print("ready", flush=True)
    while not os.path.exists(stop):
        turns(0.6, log)
        if how == "later":
            profiler.enable()
            turns(0.8, log)
            profiler.disable()
        if how == "taken":
            sys.setprofile(None)
    turns(0.6, log)


with open(sys.argv[3], "w") as file:
    main(sys.argv[1], sys.argv[2], file)
