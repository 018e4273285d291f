"""What is said of a program's threads: changes only, and that they cannot be looked at where they cannot."""

from __future__ import annotations

import os
import threading
import time

from scope_gui.recording.sleep_watch import SleepWatch

NO_PROCESS = 4_194_304


class Facts:
    """Those that were written."""

    def __init__(self) -> None:
        self.told: list[dict[str, object]] = []

    def __call__(self, fact: str, /, **fields: object) -> None:
        self.told.append({"fact": fact, **fields})


def test_threads_that_may_not_be_looked_at_are_said_not_to_be_seen() -> None:
    facts = Facts()
    watch = SleepWatch(NO_PROCESS, 1, facts)
    watch.look(time.monotonic_ns())
    watch.end()
    assert facts.told == [{"fact": "unseen", "process_serial": 1, "code": "thread-states"}]


def test_a_thread_that_sleeps_on_is_told_once() -> None:
    facts, go = Facts(), threading.Event()
    thread = threading.Thread(target=go.wait)
    thread.start()
    watch = SleepWatch(os.getpid(), 1, facts)
    try:
        deadline = time.monotonic() + 10
        while len(facts.told) < 20 and time.monotonic() < deadline:
            watch.look(time.monotonic_ns())
    finally:
        go.set()
        thread.join()
        watch.end()
    own = [
        (what, row)
        for fact in facts.told
        for what in ("slept", "woke")
        for row in fact[what]  # type: ignore[attr-defined]
        if row[0] == thread.native_id
    ]
    assert [what for what, _ in own] == ["slept", "woke"]
    assert own[0][1][2] == "lock"
    known = [fact["known_ns"] for fact in facts.told]
    assert known == sorted(set(known))  # type: ignore[type-var]
