"""Greenlets on several threads take turns, throw, die, start others and go deep; each step is logged with its stack.

Arguments: log file, rounds, threads, and a file to wait for before it goes on. Before `ready` some greenlets are
already suspended, for an attach.
A line of the log: CLOCK_MONOTONIC ns, native thread id, names of the running functions of this file outermost first.
"""

import os
import sys
import threading
import time

import greenlet

LOG = open(sys.argv[1], "w", buffering=1)
PAUSE_S = 0.02


def log_stack():
    frame, names = sys._getframe(1), []
    while frame:
        if frame.f_code.co_filename == __file__:
            names.append(frame.f_code.co_name)
        frame = frame.f_back
    LOG.write(f"{time.monotonic_ns()} {threading.get_native_id()} {' '.join(reversed(names))}\n")
    time.sleep(PAUSE_S)


def deep(levels, main):
    if levels:
        deep(levels - 1, main)
    else:
        log_stack()
        main.switch()
        log_stack()


def loops(main):
    while True:
        log_stack()
        main.switch()


def catches(main):
    try:
        main.switch()
    except ValueError:
        log_stack()
    log_stack()


def starts_another(main):
    child = greenlet.greenlet(deep)
    child.switch(2, greenlet.getcurrent())
    log_stack()
    child.switch()
    log_stack()


def one_round(main, old):
    old.switch()
    log_stack()
    deep_one = greenlet.greenlet(deep)
    deep_one.switch(30, main)
    log_stack()
    thrower = greenlet.greenlet(catches)
    thrower.switch(main)
    log_stack()
    thrower.throw(ValueError)
    deep_one.switch()
    greenlet.greenlet(starts_another).switch(main)
    try:
        greenlet.greenlet(loops).throw(KeyError)
    except KeyError:
        log_stack()
    log_stack()


def run(rounds, started, go):
    main = greenlet.getcurrent()
    old = greenlet.greenlet(loops)
    old.switch(main)
    started.release()
    go.wait()
    for _ in range(rounds):
        one_round(main, old)


def native_main():
    rounds, threads = int(sys.argv[2]), int(sys.argv[3])
    started, go = threading.Semaphore(0), threading.Event()
    others = [threading.Thread(target=run, args=(rounds, started, go)) for _ in range(threads)]
    for thread in others:
        thread.start()
    for _ in others:
        started.acquire()
    print("ready", os.getpid(), flush=True)
    while sys.argv[4:] and not os.path.exists(sys.argv[4]):
        time.sleep(0.01)
    go.set()
    run(rounds, started, go)
    for thread in others:
        thread.join()


native_main()
