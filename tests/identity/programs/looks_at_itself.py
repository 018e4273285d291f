"""Prints what a program can see of itself: arguments, files, threads, signals, descriptors, hooks, environment."""

import os
import signal
import sys
import threading

print("name", __name__, os.path.basename(__file__), sys.argv[1:], sys.path[0])
print("flags", sys.flags, sys.dont_write_bytecode, sys.warnoptions)
print("threads", [thread.name for thread in threading.enumerate()])
print("descriptors", sorted(int(name) for name in os.listdir("/proc/self/fd"))[:3])
print("signals", [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())])
print("blocked", signal.pthread_sigmask(signal.SIG_BLOCK, ()))
print("limits", sys.getrecursionlimit(), sys.getswitchinterval())
print("hooks", sys.excepthook is sys.__excepthook__, sys.gettrace(), threading.excepthook is threading.__excepthook__)
print("environment", sorted(name for name in os.environ))
print("folder", os.getcwd(), os.umask(0o22))
print("streams", sys.stdin.encoding, sys.stdout.encoding, sys.stdout.line_buffering, sys.stderr.errors)
