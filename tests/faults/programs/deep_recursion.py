"""Recursions that only just fit: through Python calls, through C and back, in a thread with a small stack."""

import functools
import json
import sys
import threading


def down(n):
    return 0 if n == 0 else 1 + down(n - 1)


def through_c(n):
    return 0 if n == 0 else 1 + max(map(through_c, [n - 1]))


def depth_of_the_limit():
    depth = 0

    def deeper():
        nonlocal depth
        depth += 1
        deeper()

    try:
        deeper()
    except RecursionError:
        return depth


def left_out_and_recorded(n):
    """Library frames (functools, json) between ours, deep down."""
    call = functools.lru_cache(maxsize=None)(lambda k: 0 if k == 0 else 1 + bounce(k - 1))

    def bounce(k):
        return json.loads(json.dumps(call(k)), parse_int=int)

    return bounce(n)


def rises(n):
    yield n
    if n:
        yield from rises(n - 1)


RESULTS = {"limit": depth_of_the_limit()}
sys.setrecursionlimit(100_000)


def in_a_small_stack():
    RESULTS["thread"] = [down(THREAD_DEPTH), through_c(150), left_out_and_recorded(20)]


THREAD_DEPTH = 30_000 if sys.version_info >= (3, 11) else 400
MAIN_DEPTH = 90_000 if sys.version_info >= (3, 11) else 8_000
RESULTS["main"] = [down(MAIN_DEPTH), through_c(3_000), left_out_and_recorded(200), sum(1 for _ in rises(500))]
threading.stack_size(512 * 1024)
thread = threading.Thread(target=in_a_small_stack)
thread.start()
thread.join()
RESULTS["after"] = [down(100), left_out_and_recorded(10)]
print(json.dumps(RESULTS))
