"""Methods that libraries generate in the user's module, and code that the program makes itself."""

import collections
import dataclasses


@dataclasses.dataclass(order=True)
class Point:
    x: int
    y: int = 1


Pair = collections.namedtuple("Pair", "a b")


class Plain:
    def __init__(self):
        self.x = 1


def own():
    exec("def made(): return 1\nmade()", globals())
    exec("def alone(): return 1\nalone()", {})


assert Point(1) != Point(2)
assert Point(1) < Point(2)
assert repr(Point(1)) == "Point(x=1, y=1)"
assert Pair(1, 2).a == 1
Plain()
own()
