"""All questions about the open session, answered off the thread that paints; answers are events. No Qt.

A worker owns what may only be used by one thread (the frame reader, the session's refresh).
"""

from __future__ import annotations

from collections.abc import Callable

from capture.errors import SessionProblem
from capture.session.session import Session
from dags.frame.reader import FrameReader
from dags.frame_parts import Frame
from views.loop.events import (
    DamageFound,
    FrameFailed,
    FrameReady,
    MarkedFrameReady,
    Search,
    SearchFound,
    SeekTo,
    Select,
    SessionGrew,
    Show,
    Stepped,
    Tell,
)
from views.loop.state import Notice, Over, Selection
from views.reading import steps
from views.reading.ahead import Ahead
from views.reading.opening import first_focus, lanes_of
from views.reading.recent_calls import recent
from views.reading.source import Source
from views.reading.worker import Send, Worker

REFRESH_S = 0.1
AHEAD_S = 0.012  # about what painting a frame takes: reading on must not slow it down
Foresee = Callable[[Source, Session, Frame, Selection | None], None]
"""Reads what views will ask for while they are patched for a frame."""


class Jobs:
    """All questions about the open session. `reader` owns it; `finder` looks for things in it meanwhile."""

    def __init__(self, source: Source, send: Send, foresee: Foresee) -> None:
        self.source, self._foresee = source, foresee
        self.reader = Worker("scope-reader", send)
        self.finder = Worker("scope-finder", send)
        self._send = send
        self._frames: FrameReader | None = None
        self._ahead: Ahead | None = None
        self._session: Session | None = None
        self._unreadable = ""

    def show(self, session: Session | None, key: int) -> None:
        """Makes a session the open one and closes the last; called by work of `reader`."""
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

    def ask_frame(self, key: int, time_ns: int, selection: Selection | None = None) -> None:
        """Answers with FrameReady, once what views ask for while they are patched for it is in memory."""

        def answer() -> None:
            session, frames = self._session, self._frames
            if session is not None and frames is not None:
                inside_ns = min(max(time_ns, session.start_ns), session.end_ns)
                try:
                    frame = frames.at(inside_ns)
                    recent(self.source, frame)
                    self._foresee(self.source, session, frame, selection)
                except BaseException:
                    self._send(FrameFailed(key=key, time_ns=time_ns))
                    raise
                self._send(FrameReady(key=key, time_ns=time_ns, frame=frame))
                if self._ahead is not None:
                    self.reader.when_idle(self._ahead.pieces(frame.time_ns), AHEAD_S)

        self.reader.ask("frame", answer)

    def ask_marked(self, key: int, time_ns: int) -> None:
        """Answers with MarkedFrameReady."""

        def answer() -> None:
            if self._session is not None and self._frames is not None:
                self._send(MarkedFrameReady(key=key, time_ns=time_ns, frame=self._frames.at(time_ns)))

        self.reader.ask("marked", answer)

    def ask_step(self, key: int, cursor_ns: int, track_id: int, count: int, over: Over) -> None:
        """Answers with Stepped."""

        def answer() -> None:
            found_ns = cursor_ns
            try:
                found_ns = steps.step_target(self.source.pinned(), cursor_ns, track_id, count, over)
            finally:
                self._send(Stepped(key=key, from_ns=cursor_ns, time_ns=found_ns))

        self.finder.ask("step", answer)

    def ask_search(self, key: int, search: Search) -> None:
        """Answers with SearchFound."""

        def answer() -> None:
            site_ids = steps.sites_matching(self.source.names, search.text)
            self._send(SearchFound(key=key, text=search.text, site_ids=site_ids))

        self.finder.ask("search", answer)

    def ask_span(self, selection: Selection, cursor_ns: int) -> None:
        """Answers with Show, or says that the picked thing has no extent."""

        def answer() -> None:
            span = steps.span_of(self.source.pinned(), selection, cursor_ns)
            told = Tell(notice=Notice("What is picked has no length in time."))
            self._send(told if span is None else Show(range_ns=span))

        self.finder.ask("span", answer)

    def ask_edge(self, cursor_ns: int, track_id: int, direction: int) -> None:
        """Answers with SeekTo and Select, or says that no edge leads on."""

        def answer() -> None:
            end = steps.edge_end(self.source.pinned(), cursor_ns, track_id, direction)
            if end is None:
                what = "No cause is known before this moment" if direction < 0 else "No effect is known from here on"
                self._send(Tell(notice=Notice(f"{what} on the focused lane.")))
                return
            time_ns, far_track_id, event_id = end
            self._send(SeekTo(time_ns=time_ns, visit=True))
            self._send(Select(selection=Selection("event", event_id, far_track_id)))

        self.finder.ask("edge", answer)

    def stop(self) -> None:
        """Ends both threads and closes the session."""
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


def _put_away(session: Session) -> None:
    """Closes it, and lets go of who wanted to hear of it: in a circle it would stay until Python looks for circles."""
    session.reader.on_problem = lambda: None
    session.close()
