"""A rule engine: compiles a fresh expression for each request, and lets it go. Prints what is left of them."""

import gc
import json
import sys


class Canary:
    alive = 0

    def __init__(self):
        Canary.alive += 1

    def __del__(self):
        Canary.alive -= 1


def rss_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def rule(name, number):
    """The constant dies with the code object that holds it, and the class with the exception type that it is."""
    canary = Canary()
    namespace = {"canary": canary}
    exec(
        f"def {name}(x, pad='{'p' * 20_000}'):\n    return x * {number} + 1\n"
        "def steps():\n    yield 1\n    yield 2\n"
        "class Problem(ValueError):\n    kept = canary\n"
        f"try:\n    raise Problem({number})\nexcept Problem:\n    pass\n"
        "assert list(steps()) == [1, 2]\n",
        namespace,
    )
    return namespace[name](2)


count, names = int(sys.argv[1]), sys.argv[2]
rule("warm", 1)
gc.collect()
before = rss_bytes()
for n in range(count):
    rule(f"check_{n}" if names == "distinct" else "check", n)
gc.collect()
print(json.dumps({"alive": Canary.alive, "grown_bytes": rss_bytes() - before}))
