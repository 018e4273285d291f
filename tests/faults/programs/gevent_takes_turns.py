"""Three greenlets of gevent take turns; each counts when it enters and leaves its functions."""

import time

import gevent

LOG = []


def outer(name):
    LOG.append("enter outer")
    for round_ in range(5):
        inner(name, round_)
    LOG.append("leave outer")


def inner(name, round_):
    LOG.append("enter inner")
    gevent.sleep(0.02)
    LOG.append("leave inner")


def calm():
    time.sleep(0.05)


gevent.joinall([gevent.spawn(outer, name) for name in "abc"])
calm()
print("calls:", len([row for row in LOG if row.startswith("enter")]))
