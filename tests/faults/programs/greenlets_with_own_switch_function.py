"""Greenlets take turns under a switch function of the program's own, until the file of the argument is there."""

import os
import sys
import time

import greenlet

seen = switches = 0


def own(event, greenlets):
    global seen
    seen += 1


def worker():
    while True:
        main.switch()


main = greenlet.getcurrent()
greenlet.settrace(own)
other = greenlet.greenlet(worker)
print("ready", flush=True)
while not os.path.exists(sys.argv[1]):
    other.switch()
    switches += 2
    time.sleep(0.001)
other.switch()
switches += 2
print(f"own function at the end: {greenlet.gettrace() is own}; every switch seen: {seen == switches}", flush=True)
