"""Threads that work, wait and raise; a queue between them; one daemon thread at the end."""

import queue
import threading
import time

work, done = queue.Queue(), queue.Queue()


def worker():
    while (number := work.get()) is not None:
        done.put(number**2)


def fails():
    raise ValueError("in a thread")


threads = [threading.Thread(target=worker, name=f"worker {number}") for number in range(4)]
for thread in threads:
    thread.start()
for number in range(300):
    work.put(number)
for _ in threads:
    work.put(None)
for thread in threads:
    thread.join()
print(sum(done.get() for _ in range(300)))
failing = threading.Thread(target=fails, name="failing")
failing.start()
failing.join()
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
