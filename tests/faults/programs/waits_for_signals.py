"""Blocks signals as a daemon does, is sent them while it is busy with something else, and takes them one by one.

waits_for_signals.py FOLDER HOW: `sigwait`, `sigtimedwait`, `alarm` (its own timer's signal, waited for).
"""

import os
import signal
import sys
import time

folder, how = sys.argv[1:]
watched = {signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM, signal.SIGALRM}
if "--late" not in os.environ.get("WHEN", ""):
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
print("ready", flush=True)
while not os.path.exists(os.path.join(folder, "go")):
    time.sleep(0.01)
signal.pthread_sigmask(signal.SIG_BLOCK, watched)
sent = (signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM)
if how == "alarm":
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    sent = (signal.SIGALRM,)
else:
    for number in sent:
        os.kill(os.getpid(), number)  # to the process: any thread that does not block it may get it
end = time.monotonic() + 0.2  # "reloads the configuration"
while time.monotonic() < end:
    sum(range(100))
got = []
for _ in sent:
    if how == "sigtimedwait":
        taken = signal.sigtimedwait(watched, 5)
        got.append(taken and signal.Signals(taken.si_signo).name)
    else:
        got.append(signal.sigwait(watched).name)
print("got", *sorted(got))
