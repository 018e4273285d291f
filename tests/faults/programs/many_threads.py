"""COUNT threads that live at the same time, as a thread-per-connection server has them.

Usage: many_threads.py COUNT SECONDS [WAY]

WAY is what each thread does: "slow", every second one sleeps for good three functions deep and the others call `step`
five times a second; "burst", all call it a thousand times at once; "deep", all sleep in a thousandth call.
`everyone_lives` is called while all of them live.
"""

import sys
import threading
import time

COUNT, SECONDS = int(sys.argv[1]), float(sys.argv[2])
WAY = sys.argv[3] if len(sys.argv) > 3 else "slow"
threading.stack_size(512 << 10)
sys.setrecursionlimit(5000)
calls = [0] * COUNT
over = threading.Event()
there = threading.Semaphore(0)


def step(n):
    calls[n] += 1


def first():
    second()


def second():
    third()


def third():
    there.release()
    over.wait()


def deep(left):
    if left:
        deep(left - 1)
    else:
        there.release()
        over.wait()


def connection(n):
    if WAY == "deep":
        deep(1000)
    elif WAY == "burst":
        there.release()
        over.wait()
        for _ in range(1000):
            step(n)
    elif n % 2:
        first()
    else:
        there.release()
        while not over.wait(0.2):
            step(n)


def everyone_lives():
    pass


def main():
    threads = [threading.Thread(target=connection, args=(n,), name=f"conn-{n}") for n in range(COUNT)]
    for thread in threads:
        thread.start()
    for _ in threads:
        there.acquire()
    print("ready", flush=True)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        everyone_lives()
        time.sleep(0.1)
    everyone_lives()
    over.set()
    for thread in threads:
        thread.join()
    print("calls", sum(calls))


main()
