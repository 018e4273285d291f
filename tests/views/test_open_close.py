"""Many sessions opened and closed one after the other: no thread, no open file and no memory stays behind."""

from __future__ import annotations

import functools
import gc
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from capture.session.pack import pack
from capture.session.session import Session
from dags.analyses.detail_reader import DetailReader
from tests.leftovers import wait_for
from tests.sessions import build_session
from views.inspector.earlier import look_up
from views.loop.events import Event, FrameReady, Search, SearchFound, Step, Stepped
from views.loop.state import Assigns, SessionRef, Stride
from views.reading.jobs import Jobs
from views.reading.questions import QUESTIONS
from views.reading.source import Source
from views.reading.worker import Worker

WARM = 15
FEW, MANY = 40, 100  # an even number of cycles ends with the same session open as before them
ANSWER_S = 30
MAX_GROWTH_BYTES = 8 << 20
"""Allocators hand memory back in steps; forty sessions that stayed would be 20 MB of events alone."""


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One folder and one packed session."""
    folder = tmp_path_factory.mktemp("cycles")
    path = build_session(folder / "a.scope", 6_000, 3, segments=2).path
    return [path, pack(path, folder / "b.scope")]


class Viewer:
    """What the window does with a session, without the window."""

    def __init__(self) -> None:
        self.answers: list[Event] = []
        self.source = Source()
        self.jobs = Jobs(self.source, self.answers.append, look_up)

    def open_and_look(self, path: Path, key: int) -> None:
        """Opens it in place of the last one, asks everything a view asks, and waits for the answers."""
        self.answers.clear()
        self.jobs.reader.ask("open", lambda: self.jobs.show(Session.open(path), key))
        self.jobs.ask_frame(key, 10**12)
        assert wait_for(lambda: any(isinstance(event, FrameReady) for event in self.answers), ANSWER_S)
        session = self.source.session
        assert session is not None
        shown = Assigns(
            session=SessionRef(key=key, path=str(path), name=path.name),
            cursor_ns=session.start_ns,
            focus_track_id=1,
            search_text="f",
            steps=(Stride(5, "all"),),
        )
        questions = {row.name: row for row in QUESTIONS}
        self.jobs.ask(questions["search"], Search(text="f"), shown)
        self.jobs.ask(questions["step"], Step(count=5, over="all"), shown)
        reader = DetailReader(session)
        for index in range(len(session.segments)):
            reader.read(index)
        assert len(self.source.events_between(None, session.start_ns, session.end_ns)) == 6_000
        assert self.source.calls_between(session.start_ns, session.end_ns).num_rows > 500
        for kind in (SearchFound, Stepped):
            assert wait_for(lambda kind=kind: any(isinstance(event, kind) for event in self.answers), ANSWER_S)  # type: ignore[misc]

    def close(self) -> None:
        self.jobs.stop()


def one_after_the_other(sessions: list[Path]) -> tuple[Callable[[int], None], Callable[[], None]]:
    """The person opens one session after the other in the same window."""
    viewer = Viewer()
    return (lambda number: viewer.open_and_look(sessions[number % 2], number + 1)), viewer.close


def each_in_a_new_window(sessions: list[Path]) -> tuple[Callable[[int], None], Callable[[], None]]:
    """The person starts anew each time."""

    def cycle(number: int) -> None:
        viewer = Viewer()
        viewer.open_and_look(sessions[number % 2], number + 1)
        viewer.close()

    return cycle, lambda: None


@pytest.mark.soak
@pytest.mark.parametrize("way", [one_after_the_other, each_in_a_new_window])
def test_many_sessions_leave_nothing_behind(
    way: Callable[[list[Path]], tuple[Callable[[int], None], Callable[[], None]]],
    sessions: list[Path],
    rounds: Callable[[int, int], int],
) -> None:
    cycle, end = way(sessions)
    try:
        for number in range(WARM):
            cycle(number)
        threads, files, memory = now()
        for number in range(WARM, WARM + rounds(FEW, MANY)):
            cycle(number)
        assert wait_for(lambda: has_at_most(threads, files), 10), (now(), threads, files)
        assert now()[2] - memory < MAX_GROWTH_BYTES
    finally:
        end()


@functools.cache
def workers() -> int:
    """How many workers answer questions: each holds a thread of its pool."""
    jobs = Jobs(Source(), lambda event: None, look_up)
    jobs.stop()
    return sum(isinstance(part, Worker) for part in vars(jobs).values())


def of_pools() -> list[str]:
    """The threads of pools: they begin when there is work, at most one for each worker stays."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("scope-")]


def has_at_most(threads: int, files: int) -> bool:
    """Whether nothing was left; what tests before this one left may go while it runs."""
    threads_now, files_now, _ = now()
    return threads_now <= threads and files_now <= files and len(of_pools()) <= workers()


def now() -> tuple[int, int, int]:
    """(threads that are no pool's, open files, resident bytes) of this process."""
    gc.collect()
    return threading.active_count() - len(of_pools()), psutil.Process().num_fds(), psutil.Process().memory_info().rss
