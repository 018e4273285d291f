"""A target that is hard to enter: every thread, the main one included, allocates, imports, loads libraries, raises
and sleeps all the time. Usage: restless.py COUNTERS THREADS

COUNTERS is a file of 8-byte counters, one per thread, the main one first; each rises once per round.
"""

import _ctypes
import ctypes
import gc
import importlib
import mmap
import signal
import sys
import threading
import time
from pathlib import Path

MODULES = ("json.decoder", "colorsys", "textwrap", "fractions", "statistics")


def rounds(counters: mmap.mmap, index: int) -> None:
    at, kept = index * 8, [b""] * 64
    for count in range(1, sys.maxsize):
        kept[count % 64] = bytes(1000 + 997 * (count % 97))
        text = "".join(str(i) for i in range(200))
        if count % 7 == index % 7:
            sys.modules.pop(MODULES[index % len(MODULES)], None)
            importlib.import_module(MODULES[index % len(MODULES)])
        if count % 5 == 0:
            _ctypes.dlclose(ctypes.CDLL("libutil.so.1")._handle)
        try:
            raise ValueError(text)
        except ValueError as error:
            assert str(error) == text
        if count % 11 == 0:
            time.sleep(0.0002 * (index + 1))
        if count % 501 == 0:
            gc.collect()
        counters[at : at + 8] = count.to_bytes(8, "little")


def main() -> None:
    path, threads = Path(sys.argv[1]), int(sys.argv[2])
    with path.open("r+b") as file:
        counters = mmap.mmap(file.fileno(), 0)
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.003, 0.003)  # signals arrive all the time, too
    for index in range(1, threads):
        threading.Thread(target=rounds, args=(counters, index), daemon=True).start()
    rounds(counters, 0)


main()
