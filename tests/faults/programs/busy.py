"""Spends its time in one of several ways; prints the CPU time that the whole process took from here on."""

import sys
import time

sys.path.append(sys.argv[2])
import busy_library


def step(x):
    return x + 1


def recorded_calls():
    x = 0
    for i in range(1_500_000):
        x = step(x)
        x ^= i * i % 7


def left_out_code():
    busy_library.many_steps(6_000_000)


def exceptions():
    busy_library.many_failures(1_500_000)


def new_functions():
    text = "def rule(x, y=2):\n    total = 0\n    for n in range(x):\n        total += n * y\n    return str(total)\n"
    code = next(c for c in compile(text, "<rule>", "exec").co_consts if isinstance(c, type(step.__code__)))
    for n in range(15_000):
        function = type(step)(code.replace(co_firstlineno=n % 50 + 1), globals(), "rule", (2,))
        for _ in range(20):
            function(3)


began = time.process_time()
globals()[sys.argv[1]]()
print(time.process_time() - began)
