"""Forks while the collector may be held, and leaves garbage to the end of the interpreter.

collects_to_the_end.py FOLDER
"""

import gc
import os
import sys
import time
import warnings

folder = sys.argv[1]
sys.setswitchinterval(1e-6)
warnings.simplefilter("ignore")


class Tells:
    def __init__(self):
        self.itself = self

    def __del__(self, write=os.write):
        write(1, b"finalized\n")


def enabled_in_child(fork):
    pid = fork()
    if pid == 0:
        os._exit(10 + gc.isenabled())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) - 10


print("ready", flush=True)
while not os.path.exists(folder + "/go"):
    time.sleep(0.01)
end = time.monotonic() + 1
answers = set()
while time.monotonic() < end:
    answers.add(enabled_in_child(os.fork))
gc.disable()
answers.add(2 + enabled_in_child(os.fork))
gc.enable()
print("on in children", sorted(answers), flush=True)
kept = Tells()
del kept
