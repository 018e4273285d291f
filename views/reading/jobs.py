"""All questions about the open session, answered off the thread that paints; answers are events. No Qt.

A worker owns what may only be used by one thread (the frame reader, the session's refresh).
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator, Set

from capture.errors import SessionProblem
from capture.session.session import Session
from dags.analyses import recent_calls
from dags.frame.reader import FrameReader
from dags.frame_parts import Frame
from views.loop.events import DamageFound, Event, FrameFailed, FrameReady, SessionClosed, SessionGrew, Tell
from views.loop.recording_events import OpenSession
from views.loop.state import Assigns, Notice, Selection
from views.reading.ahead import Ahead
from views.reading.flights import is_over, saved_flights
from views.reading.opening import first_focus, lanes_of
from views.reading.questions import Asked, Question, Stopped
from views.reading.recent_calls import recent
from views.reading.source import Source
from views.reading.worker import Send, Worker
from views.reading.worker_pool import Priority

REFRESH_S = 0.1
AHEAD_S = 0.012  # about what painting a frame takes: what is made for the next one must not slow it down
Foresee = Callable[[Source, Session, Frame, Selection | None], None]
"""Reads what views will ask for while they are patched for a frame."""


class Jobs:
    """All questions about the open session. `reader` owns it; `finder` looks for things in it meanwhile, `counter` for
    those that take long, `teller` for what is known of the thing that is picked, `adder` for what a stretch came to.
    """

    def __init__(self, source: Source, send: Send, foresee: Foresee) -> None:
        self.source, self._foresee = source, foresee
        self.reader = Worker(source.pool, send, Priority.FRAME)
        self.finder = Worker(source.pool, send)
        self.counter = Worker(source.pool, send, Priority.REST)
        self.teller = Worker(source.pool, send)
        self.adder = Worker(source.pool, send, Priority.REST)
        self._send = send
        self._lock = threading.Lock()
        self._asked: dict[str, Asked] = {}
        self._frames: FrameReader | None = None
        self._ahead: Ahead | None = None
        self._session: Session | None = None
        self._unreadable = ""

    def show(self, session: Session | None, key: int) -> None:
        """Makes a session the open one and closes the last; called by work of `reader`."""
        self.stop_questions()
        old, self._session = self._session, session
        self.source.show(session)
        self._frames = None if session is None else FrameReader(session, events=self.source.segment_events)
        self._ahead = None if session is None or self._frames is None else Ahead(session, self.source, self._frames)
        self.reader.when_idle(iter(()), 0.0)
        if old is not None:
            _put_away(old)
        if session is not None:
            session.reader.on_problem = lambda: self.reader.ask("damage", lambda: self._send(DamageFound(key=key)))
        self._unreadable = ""
        live = session is not None and session.live
        self.reader.do_every(REFRESH_S, (lambda: self._refresh(key)) if live else None)

    def ask_frame(
        self, key: int, time_ns: int, selection: Selection | None = None, parts: Set[str] | None = None
    ) -> None:
        """Answers with FrameReady, once what views ask for while they are patched for it is in memory.

        `parts`: those that views in sight show; None: all.
        """

        def answer() -> None:
            session, ahead = self._session, self._ahead
            if session is not None and ahead is not None:
                look_up = functools.partial(self._look_up, session, selection)
                inside_ns = min(max(time_ns, session.start_ns), session.end_ns)
                try:
                    frame = ahead.frame_at(inside_ns, parts)
                    look_up(frame)
                except BaseException:
                    self._send(FrameFailed(key=key, time_ns=time_ns))
                    raise
                self._send(FrameReady(key=key, time_ns=time_ns, frame=frame))
                self.reader.when_idle(self._begin_ahead(ahead.pieces(frame.time_ns, look_up, parts)), 0.0)

        self.reader.ask("frame", answer)

    def _begin_ahead(self, pieces: Iterator[None]) -> Iterator[None]:
        """Reads a file at once, since that goes on beside painting, and all that needs the interpreter after it."""
        began_s = time.monotonic()
        next(pieces, None)
        self.reader.when_idle(pieces, max(0.0, began_s + AHEAD_S - time.monotonic()))
        yield

    def _look_up(self, session: Session, selection: Selection | None, frame: Frame) -> None:
        if not frame.lacks(recent_calls.PARTS):
            recent(self.source, frame)
        self._foresee(self.source, session, frame, selection)

    def ask(self, row: Question, event: Event, assigns: Assigns) -> None:
        """Answers a question with the events that its row names; what it was after before is given up."""
        asked = Asked(row, event, assigns, self._send)
        with self._lock:
            before, self._asked[row.name] = self._asked.get(row.name), asked
        if before is not None:
            before.stop()
        worker: Worker = getattr(self, row.worker)
        worker.ask(row.name, lambda: self._answer(asked))

    def stop_questions(self) -> bool:
        """Gives up what is being looked for; False when that is nothing."""
        with self._lock:
            asked = tuple(self._asked.values())
        for one in asked:
            one.stop()
        return bool(asked)

    def _answer(self, asked: Asked) -> None:
        try:
            asked.answer(self.source, self._frame_at)
        finally:
            with self._lock:
                if self._asked.get(asked.row.name) is asked:
                    del self._asked[asked.row.name]

    def _frame_at(self, time_ns: int) -> Frame:
        """Work of the reader. Raises: Stopped when the session has been closed."""
        if self._frames is None:
            raise Stopped
        return self._frames.at(time_ns)

    def stop(self) -> None:
        """Ends the workers and closes the session."""
        self.stop_questions()
        self.counter.stop(forget=True)
        self.teller.stop(forget=True)
        self.adder.stop(forget=True)
        self.finder.stop(forget=True)
        self.reader.stop(forget=False)
        self.source.show(None)
        self._frames = self._ahead = None
        if self._session is not None:
            _put_away(self._session)
            self._session = None

    def _refresh(self, key: int) -> None:
        session = self._session
        try:
            if session is None or not session.refresh():
                return
        except SessionProblem as problem:
            if session is not None and is_over(session):
                self.reader.do_every(REFRESH_S, None)
                self._flight_is_over(session)
                return
            if problem.message != self._unreadable:  # it is asked again ten times a second, and told once
                self._unreadable = problem.message
                raise
            return
        self.source.grown()
        span = (session.start_ns, session.end_ns)
        names = self.source.names
        ended = next((f"{row.name} {row.pid}" for row in names.processes.values() if row.end_ns is not None), "")
        self._send(
            SessionGrew(
                key=key,
                range_ns=span,
                live=session.live,
                lanes=lanes_of(names),
                focus_track_id=first_focus(names),
                ended=ended,
            )
        )
        if not session.live:
            self.reader.do_every(REFRESH_S, None)

    def _flight_is_over(self, session: Session) -> None:
        """A flight recorder leaves nothing but what it has saved, the last of which is shown."""
        saved = saved_flights(session)
        if not saved:
            self._send(SessionClosed())
            self._send(Tell(notice=Notice("Nothing is kept, for no trigger of the flight recorder came.")))
            return
        self._send(OpenSession(path=str(saved[-1])))
        others = f" The others are {', '.join(path.name for path in saved[:-1])}." if len(saved) > 1 else ""
        self._send(Tell(notice=Notice(f"This is what the flight recorder has saved last.{others}")))


def _put_away(session: Session) -> None:
    """Closes it, and lets go of who wanted to hear of it: in a circle it would stay until Python looks for circles."""
    session.reader.on_problem = lambda: None
    session.close()
