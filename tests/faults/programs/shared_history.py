"""Four threads write one shared object under a lock and print what they wrote, in order, one JSON list a line."""

import json
import sys
import threading
from dataclasses import dataclass

lock = threading.Lock()
log = []


class Shared:
    def __init__(self):
        self.value = 0
        self.by = ""


class Slotted:
    __slots__ = ("number",)


class Own:
    """Ends in object.__setattr__, with another value than it was given."""

    def __setattr__(self, name, value):
        super().__setattr__(name, value * 2)


class Bag:
    """Stores past object.__setattr__."""

    def __setattr__(self, name, value):
        self.__dict__[name] = value


class Halved:
    """Stores under another name."""

    @property
    def whole(self):
        return self.half * 2

    @whole.setter
    def whole(self, value):
        self.half = value // 2


@dataclass(frozen=True)
class Frozen:
    fixed: int


@dataclass(slots=True)
class Narrow:
    narrow: int


shared, slotted, own, bag, halved = Shared(), Slotted(), Own(), Bag(), Halved()
log += [["value", 0], ["by", ""]]


def work(name):
    for n in range(50):
        with lock:
            shared.value = f"{name}-{n}"
            slotted.number = n
            own.twice = n
            bag.kept = n + 1000 * int(name[1])
            halved.whole = 2 * n
            frozen = Frozen(n)
            object.__setattr__(frozen, "fixed", n + 1)
            narrow = Narrow(n)
            narrow.narrow += 1
            log.extend([["value", f"{name}-{n}"], ["number", n], ["twice", 2 * n], ["kept", n + 1000 * int(name[1])]])
            log.extend([["half", n], ["fixed", n], ["fixed", n + 1], ["narrow", n], ["narrow", n + 1]])
            if n == 10 and name == "w0":
                del shared.by
                log.append(["by", None])


threads = [threading.Thread(target=work, args=(f"w{k}",)) for k in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
json.dump(log, sys.stdout)
