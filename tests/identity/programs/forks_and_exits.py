"""Children that end in every way there is, with exit handlers and open files of their own."""

import atexit
import os
import sys

atexit.register(print, "handler of", "parent" if len(sys.argv) < 2 else "child")
for ending in ("normally", "sys.exit", "os._exit", "exception", "signal"):
    sys.stdout.flush()
    child = os.fork()
    if not child:
        out = open(f"{ending}.txt", "w")
        out.write(f"text of {ending}\n" * 300)
        if ending == "sys.exit":
            sys.exit(5)
        if ending == "os._exit":
            os._exit(6)
        if ending == "exception":
            raise SystemError("on purpose")
        if ending == "signal":
            os.kill(os.getpid(), 15)
        sys.exit(0)
    print(ending, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
