"""Has an audit hook that forbids what a tracer does, runs threads and closes a generator under it."""

import json
import sys
import threading
import time

FORBIDDEN = {"sys.setprofile", "sys._current_frames", "sys.monitoring.register_callback", "gc.get_objects"}


def hook(event, _):
    if event in FORBIDDEN:
        raise RuntimeError("not allowed: " + event)


def generate():
    yield 1
    try:
        yield 2
    finally:
        print("closed")


def work():
    end = time.monotonic() + 1
    while time.monotonic() < end:
        json.dumps({"a": [1, 2]})


sys.addaudithook(hook)
thread = threading.Thread(target=work)
thread.start()
work()
thread.join()
generator = generate()
print(next(generator), next(generator))
del generator
