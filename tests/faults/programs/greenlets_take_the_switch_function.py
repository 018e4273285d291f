"""Greenlets take turns; halfway the program sets a switch function of its own, without a thought for the one before."""

import time

import greenlet

seen = 0


def own(event, greenlets):
    global seen
    seen += 1


def work():
    time.sleep(0.001)


def worker():
    while True:
        work()
        main.switch()


def turns(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        other.switch()
        time.sleep(0.002)


main = greenlet.getcurrent()
other = greenlet.greenlet(worker)
turns(0.3)
greenlet.settrace(own)
turns(1.0)
print("own function saw", seen, flush=True)
