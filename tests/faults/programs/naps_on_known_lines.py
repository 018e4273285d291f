"""Sleeps on known lines, in functions and in one long function that calls only C functions, and logs where it is.

Goes on once a recorder has been loaded into it. Argument: the log. A line of it: CLOCK_MONOTONIC ns, then FUNCTION:LINE of the stack, outermost first.
"""

# fmt: off
# ruff: noqa: E702

import os
import sys
import time

log = open(sys.argv[1], "w", buffering=1)


def here():
    frame, places = sys._getframe(1), []
    while frame:
        places.append(f"{frame.f_code.co_name}:{frame.f_lineno}")
        frame = frame.f_back
    log.write(f"{time.monotonic_ns()} {' '.join(reversed(places))}\n")


def nap(seconds):
    here(); time.sleep(seconds)


def steps():
    here(); time.sleep(0.1)
    nap(0.1)
    here(); time.sleep(0.1)
    nap(0.1)


def long():
    log.write(f"{time.monotonic_ns()} <module>:{sys._getframe(1).f_lineno} long:{sys._getframe().f_lineno + 1}\n")
    while "_scope_recorder" not in open("/proc/self/maps").read(): time.sleep(0.05)  # noqa: E701
    log.write(f"{time.monotonic_ns()} <module>:{sys._getframe(1).f_lineno} long:{sys._getframe().f_lineno}\n"); time.sleep(0.6)
    log.write(f"{time.monotonic_ns()} <module>:{sys._getframe(1).f_lineno} long:{sys._getframe().f_lineno}\n"); time.sleep(0.3)
    for _ in range(4):
        log.write(f"{time.monotonic_ns()} <module>:{sys._getframe(1).f_lineno} long:{sys._getframe().f_lineno}\n"); time.sleep(0.1)


print("ready", os.getpid(), flush=True)
long()
for _ in range(3):
    steps()
