"""The pool: what is urgent first, threads left free for it, and none that stays without work."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

import pytest

from tests.interpreters import ROOT
from tests.leftovers import wait_for
from views.reading.worker_pool import CALM_S, MOST, Onward, Priority, WorkerPool

WAIT_S = 15


def ours() -> int:
    """The threads of pools that run."""
    return sum(thread.name.startswith("scope-") for thread in threading.enumerate())


class Gate:
    """Work that waits until it is let on."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self._open = threading.Event()

    def work(self, name: str) -> Callable[[], None]:
        def wait() -> None:
            self.begun.append(name)
            assert self._open.wait(WAIT_S)

        return wait

    def open(self) -> None:
        self._open.set()


def test_what_is_urgent_finds_a_thread_whatever_else_is_asked() -> None:
    pool, gate, done = WorkerPool(), Gate(), threading.Event()
    for number in range(9):
        pool.submit(Priority.REST, gate.work(f"rest {number}"))
    assert wait_for(lambda: len(gate.begun) == MOST[Priority.REST], WAIT_S)
    for number in range(9):
        pool.submit(Priority.VISIBLE, gate.work(f"visible {number}"))
    assert wait_for(lambda: len(gate.begun) == MOST[Priority.VISIBLE], WAIT_S)
    pool.submit(Priority.FRAME, done.set)
    assert done.wait(WAIT_S)
    assert gate.begun == ["rest 0", "rest 1", "visible 0"]
    gate.open()
    assert wait_for(lambda: len(gate.begun) == 18 and not ours(), WAIT_S)
    assert gate.begun.index("visible 8") < gate.begun.index("rest 8")


def test_what_nobody_waits_for_gives_way_until_no_frame_has_been_wanted_for_a_while() -> None:
    pool, gate, went_on, given_up = WorkerPool(), Gate(), threading.Event(), threading.Event()

    def quiet() -> None:
        pool.give_way(given_up.is_set)
        went_on.set()

    pool.submit(Priority.FRAME, gate.work("frame"))
    assert wait_for(lambda: gate.begun == ["frame"], WAIT_S)
    pool.submit(Priority.REST, quiet)
    assert not went_on.wait(2 * CALM_S)
    gate.open()
    opened_s = time.monotonic()
    assert went_on.wait(WAIT_S)
    assert time.monotonic() - opened_s >= CALM_S - 0.05
    another = Gate()
    pool.submit(Priority.FRAME, another.work("another"))
    went_on.clear()
    pool.submit(Priority.REST, quiet)
    given_up.set()
    assert went_on.wait(WAIT_S)
    another.open()
    assert wait_for(lambda: not ours(), WAIT_S)


def test_a_frame_that_is_wanted_while_several_give_way_is_made() -> None:
    pool, gate, given_up, made = WorkerPool(), Gate(), threading.Event(), threading.Event()
    given_way = []
    for _ in range(3):
        pool.hold()

    def quiet() -> None:
        pool.give_way(given_up.is_set)
        given_way.append(True)

    pool.submit(Priority.FRAME, gate.work("frame"))
    assert wait_for(lambda: gate.begun == ["frame"], WAIT_S)
    for _ in range(2):
        pool.submit(Priority.REST, quiet)
    assert wait_for(lambda: pool._at_work[Priority.REST] == 2, WAIT_S)
    gate.open()
    for _ in range(20):
        assert wait_for(lambda: pool._idle >= 1, WAIT_S)  # more, once who gave way has gone on
        made.clear()
        pool.submit(Priority.FRAME, made.set)
        assert made.wait(WAIT_S)
    assert wait_for(lambda: len(given_way) == 2, WAIT_S)
    for _ in range(3):
        pool.release()
    assert wait_for(lambda: not ours(), WAIT_S)


def test_nobody_else_in_the_window_starts_threads() -> None:
    folders = ("views", "scope_gui/window", "scope_gui/dialogs", "scope_gui/pictures")
    files = {path for folder in folders for path in (ROOT / folder).rglob("*.py")}
    found = {path.name for path in files if re.search(r"\bThread\(|Executor\(|\bQThread", path.read_text())}
    assert found == {"worker_pool.py"}


def test_no_more_at_once_than_there_is_room_for() -> None:
    pool, gate = WorkerPool(), Gate()
    for number in range(6):
        pool.submit(Priority.FRAME, gate.work(str(number)))
    assert wait_for(lambda: len(gate.begun) == MOST[Priority.FRAME], WAIT_S)
    assert ours() == MOST[Priority.FRAME]
    gate.open()
    assert wait_for(lambda: len(gate.begun) == 6 and not ours(), WAIT_S)


def test_a_thread_stays_as_long_as_the_pool_is_held() -> None:
    pool, done = WorkerPool(), threading.Event()
    pool.hold()
    pool.submit(Priority.REST, done.set)
    assert done.wait(WAIT_S)
    time.sleep(0.05)
    assert ours() == 1
    pool.release()
    assert wait_for(lambda: not ours(), WAIT_S)


def test_later_is_not_before_its_time_and_what_is_forgotten_is_not_done() -> None:
    pool, at_s = WorkerPool(), list[float]()
    began_s = time.monotonic()

    def never() -> None:
        raise AssertionError("forgotten work was done")

    pool.submit(Priority.REST, lambda: at_s.append(time.monotonic() - began_s), after_s=0.05)
    pool.submit(Priority.FRAME, never, after_s=60)
    assert wait_for(lambda: bool(at_s), WAIT_S)
    assert at_s[0] >= 0.05
    assert ours()
    pool.forget(never)
    assert wait_for(lambda: not ours(), WAIT_S)


def test_work_that_fails_is_logged_and_the_rest_is_done(caplog: pytest.LogCaptureFixture) -> None:
    pool, done = WorkerPool(), threading.Event()
    pool.submit(Priority.REST, lambda: print(dict[str, int]()["nowhere"]))
    pool.submit(Priority.REST, done.set)
    assert done.wait(WAIT_S)
    assert wait_for(lambda: not ours(), WAIT_S)
    assert "KeyError" in caplog.text


def test_reading_goes_on_with_what_is_wanted_meanwhile_and_says_when_it_is_over() -> None:
    pieces, read, ended = [1, 2, 3], list[int](), list[int]()

    def more() -> Priority | None:
        return Priority.REST if pieces else None

    def over() -> None:
        ended.append(len(read))
        if len(ended) == 1:
            pieces.append(4)
            onward.begin()

    onward = Onward(WorkerPool(), more, lambda: read.append(pieces.pop(0)), over)
    assert not onward.is_reading
    onward.wait()
    onward.begin()
    onward.wait()
    assert (read, ended, onward.is_reading) == ([1, 2, 3, 4], [3, 4], False)
    assert wait_for(lambda: not ours(), WAIT_S)


def test_a_piece_that_fails_does_not_end_the_reading(caplog: pytest.LogCaptureFixture) -> None:
    pieces, read = [1, 0, 2], list[float]()
    onward = Onward(
        WorkerPool(), lambda: Priority.VISIBLE if pieces else None, lambda: read.append(1 / pieces.pop(0)), lambda: None
    )
    onward.begin()
    onward.wait()
    assert read == [1, 0.5]
    assert "ZeroDivisionError" in caplog.text


def test_no_more_idle_threads_stay_than_are_held() -> None:
    pool, gate = WorkerPool(), Gate()
    pool.hold()
    for number in range(3):
        pool.submit(Priority.FRAME, gate.work(str(number)))
    assert wait_for(lambda: len(gate.begun) == 3, WAIT_S)
    gate.open()
    assert wait_for(lambda: ours() == 1, WAIT_S)
    pool.release()
    assert wait_for(lambda: not ours(), WAIT_S)
