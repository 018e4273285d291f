"""The kernel's word on which threads sleep: what for, and never of one that ran in between."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from capture.target.sleepers import SleepChange, Sleepers
from tests.interpreters import Interpreter
from tests.leftovers import wait_for
from tests.targets import Launcher

SECOND_NS = 1_000_000_000


@pytest.fixture
def own() -> Iterator[Sleepers]:
    sleepers = Sleepers(os.getpid())
    yield sleepers
    sleepers.close()


def a_round(sleepers: Sleepers) -> list[SleepChange]:
    changes: list[SleepChange] = []
    ended = 0
    while not ended:
        found, ended = sleepers.look(SECOND_NS)
        changes += found
    return changes


def test_a_sleeping_thread_is_found_with_the_second_look_and_waking_with_the_next(own: Sleepers) -> None:
    go = threading.Event()
    thread = threading.Thread(target=go.wait)
    thread.start()
    found: list[SleepChange] = []

    def is_found() -> bool:
        found.extend(change for change in a_round(own) if change.thread_id == thread.native_id)
        return bool(found)

    assert wait_for(is_found, 5.0)
    [slept] = found
    assert (slept.sleeps, slept.kind) == (True, "lock")
    a_round(own)
    before_ns = time.monotonic_ns()
    go.set()
    thread.join()
    woke = [change for change in a_round(own) if change.thread_id == thread.native_id]
    assert [(change.sleeps, slept.at_ns < change.at_ns < before_ns) for change in woke] == [(False, True)]


def test_a_thread_that_naps_between_looks_is_never_found_asleep(own: Sleepers) -> None:
    has_ended = threading.Event()
    naps = 0

    def nap() -> None:
        nonlocal naps
        while not has_ended.is_set():
            naps += 1
            time.sleep(0.001)

    thread = threading.Thread(target=nap)
    thread.start()
    try:
        for _ in range(20):
            before = naps
            assert wait_for(lambda before=before: naps > before + 2, 5.0)  # type: ignore[misc]
            assert not [change for change in a_round(own) if change.thread_id == thread.native_id]
    finally:
        has_ended.set()
        thread.join()


def test_a_process_that_is_gone_has_nobody_to_look_at() -> None:
    with pytest.raises(OSError, match="cannot be looked at"):
        Sleepers(4_194_304)


GIL = """
import sys, threading, ctypes
sys.setswitchinterval(60)
held = threading.Lock(); held.acquire()
def wants():
    held.acquire()
    while True: pass
thread = threading.Thread(target=wants, daemon=True); thread.start()
print("ready", thread.native_id, flush=True)
held.release()
ctypes.PyDLL(None).usleep(20_000_000)  # sleeps with the GIL in hand
"""


def test_who_waits_for_the_gil_is_told_from_who_waits_for_a_lock(interpreter: Interpreter, target: Launcher) -> None:
    started = target([interpreter.path, "-c", GIL], ready="ready")
    sleepers = Sleepers(started.pid)
    kinds: dict[int, str] = {}
    try:
        thread_id = int(started.output().split()[1])

        def kind() -> bool:
            kinds.update({change.thread_id: change.kind for change in a_round(sleepers) if change.sleeps})
            return kinds.get(thread_id) == "gil" and kinds.get(started.pid) == "sleep"

        assert wait_for(kind, 10.0), kinds
    finally:
        sleepers.close()
