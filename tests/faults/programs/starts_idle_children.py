"""Starts three children: one sleeps, one is stopped, one runs; waits for the file of the argument."""

import os
import signal
import subprocess
import sys
import time

ways = {"sleeps": ["sleep", "1000"], "stopped": ["sleep", "1001"], "runs": ["sh", "-c", "while :; do :; done"]}
children = {name: subprocess.Popen(way) for name, way in ways.items()}
children["stopped"].send_signal(signal.SIGSTOP)
print("ready", *(child.pid for child in children.values()), flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.05)
for child in children.values():
    child.kill()
    child.wait()
