"""Counts in a file, in the odd state that the command line names. Usage: odd_state.py STATE COUNTER_FILE

Prints "ready" once it is in that state.
"""

# The program deletes functions of `os` and has no use for pathlib.

import ctypes
import os
import resource
import signal
import struct
import sys
import time

state, path = sys.argv[1], sys.argv[2]
out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
libc = ctypes.CDLL(None, use_errno=True)
held = []


def say(n, write=os.pwrite):
    write(out, b"%12d\n" % n, 0)


def work(n):
    return n + 1


def room_for(kind, more_bytes):
    field = {resource.RLIMIT_AS: 0, resource.RLIMIT_DATA: 5}[kind]
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[field]) * 4096
    resource.setrlimit(kind, (used + more_bytes, used + more_bytes))


def filter_calls(denied, answer):
    """A seccomp filter that gives `answer` to the calls of these numbers and lets all others pass."""
    instructions = struct.pack("HBBI", 0x20, 0, 0, 0)
    for i, number in enumerate(denied):
        instructions += struct.pack("HBBI", 0x15, len(denied) - i, 0, number)
    instructions += struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000) + struct.pack("HBBI", 0x06, 0, 0, answer)
    buffer = ctypes.create_string_buffer(instructions, len(instructions))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    libc.prctl(38, 1, 0, 0, 0)
    program = Program(len(instructions) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0, os.strerror(ctypes.get_errno())


def forbid(event, args):
    if event in ("sys.setprofile", "sys.monitoring.register_callback", "compile", "import", "open", "exec"):
        raise RuntimeError("forbidden: " + event)


CLONE_THREE = (56, 435, 41)
KILL, EPERM = 0x80000000, 0x00050001

if state == "closed-stdio":
    print("ready", flush=True)
    for fd in (0, 1, 2):
        os.close(fd)
elif state == "deleted-cwd":
    os.makedirs(path + ".cwd")
    os.chdir(path + ".cwd")
    os.rmdir(os.getcwd())
elif state == "no-fds":
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
elif state == "fsize":
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
elif state == "as":
    room_for(resource.RLIMIT_AS, 16 << 20)
elif state == "as-with-room":
    room_for(resource.RLIMIT_AS, 512 << 20)
elif state == "data":
    room_for(resource.RLIMIT_DATA, 4 << 20)
elif state == "memlock":
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
elif state == "many-threads":
    import threading

    stop = threading.Event()
    for _ in range(200):
        threading.Thread(target=stop.wait, daemon=True).start()
elif state == "segv-ignored":
    signal.signal(signal.SIGSEGV, signal.SIG_IGN)
elif state == "segv-handled":
    import faulthandler

    faulthandler.enable()
elif state == "all-signals-blocked":
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
elif state == "undumpable":
    libc.prctl(4, 0, 0, 0, 0)
elif state == "seccomp":
    filter_calls(CLONE_THREE, EPERM)
elif state == "seccomp-kill":
    filter_calls(CLONE_THREE, KILL)
elif state == "seccomp-kill-ftruncate":
    filter_calls((77,), KILL)
elif state == "seccomp-harmless":
    filter_calls((169, 246), KILL)  # reboot, kexec_load
elif state == "no-new-privileges":
    libc.prctl(38, 1, 0, 0, 0)
elif state == "setuid-later":
    os.setgid(65534)
    os.setuid(65534)
elif state == "audit-hook":
    sys.addaudithook(forbid)
elif state == "no-builtins-open":
    import builtins

    builtins.open = None
    del os.open, os.path
elif state == "gc-off-and-frozen":
    import gc

    gc.disable()
    gc.freeze()
elif state == "chroot":
    os.makedirs(path + ".root")
    os.chroot(path + ".root")
elif state == "user-namespace":
    assert libc.unshare(0x10000000) == 0
elif state == "mount-and-net-namespace":
    assert libc.unshare(0x00020000 | 0x40000000) == 0
elif state == "memory-locked":
    assert libc.mlockall(2) == 0
elif state == "no-write-and-execute":
    assert libc.prctl(65, 1, 0, 0, 0) == 0
elif state == "alarms":
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
elif state == "low-recursion-limit":
    sys.setrecursionlimit(40)
elif state == "never-switches":
    sys.setswitchinterval(1000.0)
elif state == "main-thread-ended":
    import threading

    def go_on():
        while open(f"/proc/self/task/{os.getpid()}/stat").read().rsplit(")")[1].split()[0] != "Z":
            time.sleep(0.001)
        print("ready", flush=True)
        for n in range(1 << 40):
            say(work(n))
            time.sleep(0.001)

    threading.Thread(target=go_on).start()
    libc.syscall(60, 0)
elif state == "memory-of-the-parent":
    stack = libc.mmap
    stack.restype, stack.argtypes = ctypes.c_void_p, [ctypes.c_void_p] + [ctypes.c_long] * 5
    top = stack(None, 1 << 16, 3, 0x22, -1, 0) + (1 << 16) - 64
    clone, pause = libc.clone, ctypes.cast(libc.pause, ctypes.c_void_p)
    clone.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
    held.append(clone(pause, top, 0x100 | signal.SIGCHLD, None))
    signal.signal(signal.SIGTERM, lambda *_: (os.kill(held[0], signal.SIGKILL), os._exit(0)))
elif state != "normal":
    raise SystemExit(f"no such state: {state}")

if state != "closed-stdio":
    print("ready", *held[-1:], flush=True)
n = 0
while True:
    n = work(n)
    if n % 100 == 0:
        say(n)
        time.sleep(0.001)
