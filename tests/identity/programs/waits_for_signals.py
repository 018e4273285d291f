"""Signals: handled, waited for, by timer, and one that ends the program."""

import os
import signal

seen = []
signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(signal.Signals(number).name))
os.kill(os.getpid(), signal.SIGUSR1)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2, signal.SIGHUP})
os.kill(os.getpid(), signal.SIGUSR2)
print(signal.sigwait({signal.SIGUSR2, signal.SIGHUP}).name, seen)
os.kill(os.getpid(), signal.SIGHUP)
print(signal.sigwait({signal.SIGUSR2, signal.SIGHUP}).name)
signal.signal(signal.SIGALRM, lambda *_: seen.append("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.05)
signal.pause()
print(seen, flush=True)
os.kill(os.getpid(), signal.SIGTERM)
