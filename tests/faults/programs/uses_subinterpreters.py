"""Runs code in interpreters of its own beside the main one, in threads: those that share its lock and, from 3.12 on, others.

With a file as its argument it goes on until that is there.
"""

import os
import sys
import threading

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

SHARED = """
def inside(n):
    return n + 1

total = sum(inside(i) for i in range(3000))
assert total == 4501500
"""
OWN = """
import threading

def inside(n):
    return n + 1

def run():
    assert sum(inside(i) for i in range(3000)) == 4501500

threads = [threading.Thread(target=run) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def made(isolated):
    if sys.version_info >= (3, 13):
        return interpreters.create("isolated" if isolated else "legacy")
    return interpreters.create(isolated=isolated)


def outside(isolated):
    program = OWN if isolated and sys.version_info >= (3, 12) else SHARED
    for _ in range(3):
        interpreter = made(isolated)
        run = getattr(interpreters, "exec", None) or interpreters.run_string
        failed = run(interpreter, program)
        if failed:
            print(failed)
        interpreters.destroy(interpreter)


def main(stop):
    print("ready", flush=True)
    rounds = 0
    while rounds < 2 or (stop and not os.path.exists(stop)):
        threads = [threading.Thread(target=outside, args=(isolated,)) for isolated in (True, False)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rounds += 1
    print("ended", flush=True)


main(sys.argv[1] if len(sys.argv) > 1 else "")
