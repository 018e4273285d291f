"""The frame at the end of a recording shows what faulthandler dumps: every thread, functions entered before the attach
included."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.interpreters import Interpreter
from tests.scope_command import scope, scope_json

TEN_THREADS = """
import faulthandler, json, queue, select, signal, socket, sys, threading, time

def in_queue(depth):
    if depth:
        return in_queue(depth - 1)
    queue.Queue().get()

def in_lock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()

def in_sleep():
    time.sleep(3600)

def in_accept():
    server = socket.create_server(("127.0.0.1", 0))
    server.accept()

def in_select():
    reader, _ = socket.socketpair()
    select.select([reader], [], [])

def in_event():
    threading.Event().wait()

def in_read():
    reader, _ = socket.socketpair()
    reader.recv(1)

def generator():
    yield time.sleep(3600)

def in_generator():
    for _ in generator():
        pass

class Worker:
    def run(self):
        condition = threading.Condition()
        with condition:
            condition.wait()

def in_join(other):
    other.join()

dump = open(sys.argv[1], "w")
faulthandler.register(signal.SIGUSR1, file=dump, all_threads=True)
threads = [threading.Thread(target=t, name=f"wait-{i}", args=a, daemon=True) for i, (t, a) in enumerate([
    (in_queue, (3,)), (in_lock, ()), (in_sleep, ()), (in_accept, ()), (in_select, ()), (in_event, ()),
    (in_read, ()), (in_generator, ()), (Worker().run, ())])]
threads.append(threading.Thread(target=in_join, name="wait-9", args=(threads[2],), daemon=True))
for thread in threads:
    thread.start()
time.sleep(0.3)
print("READY", json.dumps({thread.ident: thread.name for thread in threading.enumerate()}), flush=True)
in_event()
"""

FRAME = re.compile(r'  File "(.*)", line (\d+) in (.*)')


def dumped_stacks(text: str) -> dict[int, list[tuple[str, int, str]]]:
    """faulthandler's threads by ident, outermost frame first."""
    stacks: dict[int, list[tuple[str, int, str]]] = {}
    ident = 0
    for line in text.splitlines():
        if head := re.match(r"(?:Current thread|Thread) 0x([0-9a-f]+)", line):
            ident = int(head[1], 16)
            stacks[ident] = []
        elif frame := FRAME.match(line):
            stacks[ident].insert(0, (frame[1], int(frame[2]), frame[3]))
    return stacks


@pytest.mark.sampled
def test_frame_shows_the_stacks_that_faulthandler_dumps(interpreter: Interpreter, tmp_path: Path) -> None:
    (tmp_path / "ten.py").write_text(TEN_THREADS)
    dump = tmp_path / "dump.txt"
    target = subprocess.Popen([interpreter.path, tmp_path / "ten.py", dump], stdout=subprocess.PIPE, text=True)
    try:
        assert target.stdout is not None
        word, _, names = target.stdout.readline().partition(" ")
        assert word == "READY"
        expected = stacks_at_rest(target.pid, dump, len(json.loads(names)))
        session = tmp_path / "ten.scope"
        scope("attach", target.pid, "--no-window", "--include", "*", "--duration", "0.5", "-o", session)
        frame = scope_json("frame", session, "--at", "end", "--json")
        name_of_ident = {int(ident): name for ident, name in json.loads(names).items()}
        assert len(name_of_ident) == 11
        shown = {track["name"]: track["stack"] for track in frame["tracks"] if track["kind"] == "thread"}
        for ident, name in name_of_ident.items():
            stack = [(f["file"], f["line"], f["function"].rpartition(".")[2]) for f in shown[name]]
            assert stack == expected[ident], name
    finally:
        target.kill()
        target.wait()
        assert target.stdout is not None
        target.stdout.close()


def stacks_at_rest(pid: int, path: Path, threads: int) -> dict[int, list[tuple[str, int, str]]]:
    """What faulthandler dumps once every thread waits: until two dumps agree."""
    deadline = time.monotonic() + 10
    before: dict[int, list[tuple[str, int, str]]] = {}
    while time.monotonic() < deadline:
        size = path.stat().st_size
        os.kill(pid, signal.SIGUSR1)
        while path.read_text().count("most recent call first", size) < threads and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)  # the last thread's frames follow its headline
        stacks = dumped_stacks(path.read_text())
        if stacks == before:
            return stacks
        before = stacks
    raise AssertionError(f"the target's {threads} threads do not come to rest: {before}")
