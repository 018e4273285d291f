"""Threads that come and go: ROUNDS times, WIDTH at a time, each calls `work` once.

Usage: short_threads.py ROUNDS WIDTH
"""

import sys
import threading


def work():
    return sum(range(10))


def main(rounds, width):
    for number in range(rounds):
        threads = [threading.Thread(target=work, name=f"short-{number}-{n}") for n in range(width)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print("threads", rounds * width)


main(int(sys.argv[1]), int(sys.argv[2]))
