"""Waits until somebody opens a FIFO and closes it again, then is the program that its other words name.

What comes is run as the interpreter would run it, but from here: `hold.py FIFO -m module ...` or `FIFO script.py ...`.
So an attach can happen before the first line of any program.
"""

import runpy
import sys
from pathlib import Path

Path(sys.argv[1]).read_bytes()
words = sys.argv[2:]
if words[0] == "-m":
    sys.argv[:] = words[1:]
    sys.path[0] = str(Path.cwd())
    runpy.run_module(words[1], run_name="__main__", alter_sys=True)
else:
    sys.argv[:] = words
    sys.path[0] = str(Path(words[0]).parent)
    runpy.run_path(words[0], run_name="__main__")
