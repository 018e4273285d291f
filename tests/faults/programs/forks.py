"""Forks in the ways that Python has, and prints the warnings and what a child has that its parent had not.

forks.py FOLDER HOW: `fork`, `forkpty`, `multiprocessing`, `preexec`, `threads` (has a thread of its own; prints
the warning).
"""

import multiprocessing
import os
import subprocess
import sys
import threading
import time
import warnings

folder, how = sys.argv[1:]
print("ready", flush=True)
while not os.path.exists(os.path.join(folder, "go")):
    time.sleep(0.01)


def work(n):
    return n + 1


def of_child():
    """Threads, descriptors of a recorder, tools and profile functions: of this process."""
    links = []
    for number in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink("/proc/self/fd/" + number))
        except OSError:
            pass
    kinds = [link.partition(":")[0] for link in links if link.startswith(("socket:", "pipe:"))]
    ours = sorted(kinds) + [link for link in links if "pool.bin" in link or "defs.bin" in link]
    tools = [sys.monitoring.get_tool(n) for n in range(6)] if hasattr(sys, "monitoring") else []
    with open("/proc/self/maps") as maps:
        mapped = [line for line in maps if "pool.bin" in line or "defs.bin" in line]
    work(1)
    return len(os.listdir("/proc/self/task")), ours, [tool for tool in tools if tool], sys.getprofile(), mapped


def tell_of_child():
    said = os.open(os.path.join(folder, "child"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(said, repr(of_child()).encode())


def fork():
    pid = os.fork()
    if pid == 0:
        tell_of_child()
        os._exit(3)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")  # as an error it is swallowed by some versions
    if how == "fork":
        print([fork() for _ in range(20)])
    elif how == "forkpty":
        pid, terminal = os.forkpty()
        if pid == 0:
            os.close(0), os.close(1), os.close(2)
            tell_of_child()
            os._exit(3)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        os.close(terminal)
    elif how == "multiprocessing":
        process = multiprocessing.get_context("fork").Process(target=tell_of_child)
        process.start()
        process.join()
        print(process.exitcode)
    elif how == "preexec":
        print(subprocess.run(["true"], preexec_fn=tell_of_child).returncode)
    else:
        go_on = threading.Event()
        thread = threading.Thread(target=go_on.wait)
        thread.start()
        print(fork())
        go_on.set()
        thread.join()
print([str(one.message)[:7] for one in caught])
with open(os.path.join(folder, "child")) as said:
    print(said.read())
for n in range(100):
    work(n)
print("threads", len(os.listdir("/proc/self/task")))
sys.stdout.flush()
while not os.path.exists(os.path.join(folder, "end")):
    time.sleep(0.01)
