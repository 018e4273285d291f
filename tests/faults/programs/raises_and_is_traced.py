"""Raises on two threads, takes a trace function in and out where it has just raised, and prints what that saw.

The first word is a file: while it is not there, both threads go on; then they print how often they raised.
"""

import collections
import json
import sys
import threading
import time
from pathlib import Path

seen = collections.Counter()
raised = collections.Counter()


def tracer(frame, event, argument):
    seen[frame.f_code.co_name, event] += 1
    return tracer


def fails(thread):
    raised[thread] += 1
    raise ValueError(thread)


def traced():
    try:
        raised["traced"] += 1
        raise KeyError("before")
    except KeyError:
        pass
    assert sys.gettrace() is None
    sys.settrace(tracer)
    inner(1)
    sys.settrace(None)
    assert sys.gettrace() is None
    return inner(2)


def inner(number):
    try:
        raised["traced"] += 1
        raise KeyError(number)
    except KeyError:
        number += 1
    return number


def generator():
    for number in range(3):
        try:
            raised["traced"] += 1
            raise KeyError(number)
        except KeyError:
            yield number


def work(thread, stop):
    while not stop.exists():
        for _ in range(50):
            try:
                fails(thread)
            except ValueError:
                raised[f"{thread} caught"] += 1
        if thread == "worker":
            total = sum(generator()) + traced()
            assert total == 6, total
        time.sleep(0.001)


def main():
    stop = Path(sys.argv[1])
    worker = threading.Thread(target=work, args=("worker", stop), name="worker")
    worker.start()
    print("ready", flush=True)
    work("main", stop)
    worker.join()
    assert sys.gettrace() is None
    assert sys.getprofile() is None
    rounds = raised["traced"] // 6
    told = {" ".join(key): count / rounds for key, count in sorted(seen.items())}
    print(json.dumps({"raised": raised, "seen": told}), flush=True)


main()
