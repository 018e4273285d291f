"""Containers that change without an assignment, in the ways in which nobody is told; writes down when and what they hold.

A line of the log: name, CLOCK_MONOTONIC ns before and after the change, and what it holds from then on, as text.
"""

import collections
import heapq
import sys
import threading
import time

ROUNDS = 12
DONE = {"done": 0}
WORDS = ["zebra"]
LOG = open(sys.argv[1], "w")  # noqa: SIM115  it stays open


class Item:
    def __init__(self):
        self.n = 0


class Holder:
    def __init__(self):
        self.own = {"done": 0}
        self.nested = ({"deep": [0]}, 1)
        self.aliased = [0]
        self.shared = set()
        self.sorted = [3, 1, 2]
        self.heap = []
        self.recent = collections.deque(maxlen=3)
        self.held = [0]
        self.items = {"first": Item()}
        self.plain = (1, frozenset({2}))

    def count(self):
        self.own["done"] += 1


class Slotted:
    __slots__ = ("kept",)

    def __init__(self):
        self.kept = []


def shown(value):
    """As Scope shows it: of what is no plain value only the type."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{shown(key)}: {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (Item, collections.deque)):
        return f"<{type(value).__module__}.{type(value).__qualname__}>"
    return repr(value)


def changed(name, change, hold):
    before_ns = time.monotonic_ns()
    change()
    after_ns = time.monotonic_ns()
    print(name, before_ns, after_ns, shown(hold()), sep="\t", file=LOG)


def collecting(items):
    """A generator: between two steps only its frame holds the list."""
    while True:
        items.append(items[-1] + 1)
        yield


def main():
    holder, slotted = Holder(), Slotted()
    alias, generator, item = holder.aliased, collecting(holder.held), holder.items["first"]

    def in_a_thread(number):
        worker = threading.Thread(target=holder.shared.add, args=(number,))
        worker.start()
        worker.join()

    def count_done():
        DONE["done"] += 1

    def grow_item():
        item.n += 1

    changes = {
        "__main__.DONE": (count_done, lambda: DONE),
        "__main__.WORDS": (lambda: WORDS.insert(0, f"word {len(WORDS)}"), lambda: WORDS),
        "__main__.Holder.own": (holder.count, lambda: holder.own),
        "__main__.Holder.nested": (lambda: holder.nested[0]["deep"].append(len(holder.nested[0]["deep"])),
                                   lambda: holder.nested),
        "__main__.Holder.aliased": (lambda: alias.append(len(alias)), lambda: holder.aliased),
        "__main__.Holder.sorted": (lambda: holder.sorted.sort(reverse=holder.sorted[0] == 1), lambda: holder.sorted),
        "__main__.Holder.heap": (lambda: heapq.heappush(holder.heap, -len(holder.heap)), lambda: holder.heap),
        "__main__.Holder.recent": (lambda: holder.recent.append(1), lambda: holder.recent),
        "__main__.Holder.held": (lambda: next(generator), lambda: holder.held),
        "__main__.Item.n": (grow_item, lambda: item.n),
        "__main__.Holder.items": (lambda: holder.items.update({f"item {len(holder.items)}": item}),
                                  lambda: holder.items),
        "__main__.Slotted.kept": (lambda: slotted.kept.append(len(slotted.kept)), lambda: slotted.kept),
    }  # fmt: skip
    for number in range(ROUNDS if len(sys.argv) < 3 else int(sys.argv[2])):
        for name, (change, hold) in changes.items():
            changed(name, change, hold)
        changed("__main__.Holder.shared", lambda number=number: in_a_thread(number), lambda: holder.shared)
        time.sleep(0.01)
    LOG.close()
    time.sleep(1.2)  # somebody may look
    print("done", DONE["done"], flush=True)


main()
