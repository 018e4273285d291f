"""Threads that C has made call back into Python, which makes a state for each and lets it go again."""

import ctypes

THREADS, CALLS = 60, 20
libc = ctypes.CDLL(None)


def work(n):
    return n + 1


def deep(n):
    return deep(n - 1) if n else work(n)


@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
def called_back(_):
    for _ in range(CALLS):
        deep(3)


for _ in range(THREADS // 6):
    started = [ctypes.c_ulong() for _ in range(6)]
    for thread in started:
        assert libc.pthread_create(ctypes.byref(thread), None, called_back, None) == 0
    for thread in started:
        libc.pthread_join(thread, None)
print("done", THREADS * CALLS)
