"""Ends the way its argument says: a number, a text, os._exit, a signal."""

import os
import sys

how = sys.argv[1]
print("last words")
if how == "text":
    sys.exit("a text for standard error")
if how == "at-once":
    sys.stdout.flush()
    os._exit(9)
if how == "killed":
    sys.stdout.flush()
    os.kill(os.getpid(), 9)
sys.exit(int(how))
