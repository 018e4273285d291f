"""Slow answers: off the caller's thread, the newest question wins, nothing is left running."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from capture.errors import SessionProblem
from tests.leftovers import wait_for
from views.loop.events import Event, Tell
from views.reading.jobs import AHEAD_S, Jobs
from views.reading.opening import first_focus, lanes_of
from views.reading.source import Source
from views.reading.worker import Worker
from views.reading.worker_pool import Priority, WorkerPool


def test_the_newest_question_of_a_slot_replaces_the_one_that_waits() -> None:
    answers: list[int] = []
    go_on = threading.Event()
    worker = Worker(WorkerPool(), lambda event: None)

    def wait() -> None:
        go_on.wait(5)

    worker.ask("busy", wait)
    for number in range(50):
        worker.ask("frame", lambda number=number: answers.append(number))  # type: ignore[misc]
    worker.ask("other", lambda: answers.append(-1))
    go_on.set()
    worker.stop(forget=False)
    assert answers == [49, -1]


def test_what_may_be_forgotten_is_not_done_after_the_stop() -> None:
    answers: list[str] = []
    begun, go_on = threading.Event(), threading.Event()
    worker = Worker(WorkerPool(), lambda event: None)

    def work() -> None:
        begun.set()
        go_on.wait(5)

    worker.ask("busy", work)
    assert begun.wait(5)
    worker.ask("frame", lambda: answers.append("late"))
    threading.Timer(0.05, go_on.set).start()
    worker.stop(forget=True)
    assert answers == []


def test_a_problem_of_the_world_becomes_a_notice_and_the_worker_goes_on() -> None:
    told: list[Event] = []
    answers: list[int] = []

    def fail() -> None:
        raise SessionProblem("The disk has gone.")

    worker = Worker(WorkerPool(), told.append)
    worker.ask("a", fail)
    worker.ask("b", lambda: answers.append(1))
    worker.stop(forget=False)
    assert [event.notice.text for event in told if isinstance(event, Tell) and event.notice] == ["The disk has gone."]
    assert answers == [1]


def test_a_bug_in_one_answer_is_told_and_the_worker_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Event] = []
    answers: list[int] = []
    worker = Worker(WorkerPool(), told.append)
    worker.ask("a", lambda: answers.append(dict[str, int]()["nowhere"]))
    worker.ask("b", lambda: answers.append(1))
    worker.stop(forget=False)
    [notice] = [event.notice for event in told if isinstance(event, Tell) and event.notice]
    assert notice.serious
    assert "KeyError" in notice.text
    assert "KeyError" in caplog.text
    assert answers == [1]


def test_regular_work_is_done_between_questions_until_it_is_taken_back() -> None:
    beats: list[int] = []
    worker = Worker(WorkerPool(), lambda event: None)
    worker.do_every(0.001, lambda: beats.append(1))
    assert wait_for(lambda: len(beats) > 3, 5)
    worker.do_every(0.001, None)
    worker.ask("last", lambda: beats.append(-1))
    worker.stop(forget=False)
    assert beats[-1] == -1


def test_what_can_wait_is_done_piece_by_piece_between_the_questions() -> None:
    done: list[str] = []
    asked = threading.Event()
    worker = Worker(WorkerPool(), lambda event: None)

    def pieces() -> Iterator[None]:
        done.append("first")
        yield
        worker.ask("question", lambda: done.append("question"))
        yield
        done.append("second")
        yield
        asked.set()

    worker.when_idle(pieces(), 0.0)
    assert asked.wait(15)
    worker.stop(forget=False)
    assert done == ["first", "question", "second"]


def test_newer_work_for_idle_times_replaces_the_older_and_a_stop_waits_for_neither() -> None:
    done: list[str] = []
    worker = Worker(WorkerPool(), lambda event: None)
    newer_is_done = threading.Event()

    def pieces(name: str) -> Iterator[None]:
        done.append(name)
        yield
        newer_is_done.set()

    worker.when_idle(pieces("older"), 60.0)
    worker.when_idle(pieces("newer"), 0.0)
    assert newer_is_done.wait(15)
    worker.when_idle(pieces("never"), 60.0)
    worker.stop(forget=False)
    assert done == ["newer"]


def test_lanes_without_a_session_are_none(tmp_path: Path) -> None:
    assert lanes_of(Source().names) == ()
    assert first_focus(Source().names) == 0


def test_a_question_does_not_wait_behind_what_is_not_urgent() -> None:
    pool, go_on, answered = WorkerPool(), threading.Event(), threading.Event()
    worker = Worker(pool, lambda event: None, Priority.FRAME)

    def hold_up() -> None:
        assert go_on.wait(15)

    pool.submit(Priority.REST, hold_up)
    worker.when_idle(iter(range(9)), 0.0)  # type: ignore[arg-type]
    worker.ask("frame", answered.set)
    assert answered.wait(15)
    go_on.set()
    worker.stop(forget=False)


def test_two_things_of_one_worker_are_never_done_at_once() -> None:
    pool, lock, done = WorkerPool(), threading.Lock(), list[int]()
    workers = [Worker(pool, lambda event: None, Priority.FRAME) for _ in range(2)]

    def work(number: int) -> None:
        assert lock.acquire(blocking=False)
        done.append(number)
        time.sleep(0.001)
        lock.release()

    for number in range(40):
        workers[0].ask(str(number), lambda number=number: work(number))  # type: ignore[misc]
        workers[1].ask(str(number), lambda: None)
    for worker in workers:
        worker.stop(forget=False)
    assert done == list(range(40))


def test_a_file_is_read_ahead_beside_painting_and_the_rest_of_the_next_answer_made_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done, later = list[str](), list[tuple[Iterator[None], float]]()

    def pieces() -> Iterator[None]:
        for piece in ("file", "frame", "calls"):
            done.append(piece)
            yield

    jobs = Jobs(Source(), lambda event: None, lambda *of: None)
    try:
        monkeypatch.setattr(jobs.reader, "when_idle", lambda rest, after_s: later.append((rest, after_s)))
        next(jobs._begin_ahead(pieces()))
        assert done == ["file"]
        [(rest, after_s)] = later
        assert 0 < after_s <= AHEAD_S
        assert len(list(rest)) == 2
        assert done == ["file", "frame", "calls"]
    finally:
        jobs.stop()
