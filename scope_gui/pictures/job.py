"""An export while the window is open: built beside it, a piece at a time, so that the window stays alive.

Widgets can only be painted on the thread that made them. Everything else is done by the pool, one thing at a time:
opening the session once more (the window's own may close or grow), frames, encoding, writing. Between two steps the
event loop runs.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, wait
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QImage

from capture.errors import ScopeError
from capture.session.session import Session
from dags.frame.reader import FrameReader
from dags.frame_parts import Frame
from scope_gui.pictures.offscreen import MakeDesk, Offscreen
from scope_gui.pictures.picture_files import Album, album, save_png
from scope_gui.pictures.plan import Order, is_vectors
from views.loop.state import Assigns
from views.reading.recent_calls import recent
from views.reading.source import Source
from views.reading.worker_pool import Priority, WorkerPool
from views.transport.naming import event_in_words

STEP_MS = 4
_Answer = TypeVar("_Answer")
Steps = Generator[None, None, _Answer]


class ExportJob(QObject):
    """One export. `progressed` says how many pictures are done, `ended` with '' that all is well, or what is not.

    `said`: a sentence about what was made, '' for none.
    """

    progressed = Signal(int)
    ended = Signal(str)

    def __init__(self, order: Order, make_desk: MakeDesk, pool: WorkerPool, parent: QObject | None = None) -> None:
        """Nothing happens yet."""
        super().__init__(parent)
        self.order, self.done, self._make_desk = order, 0, make_desk
        self.said = ""
        self._pool = pool
        self._last: Future[Any] | None = None
        self._steps: Steps[None] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(STEP_MS)
        self._timer.timeout.connect(self._step)

    def save(self, image: QImage) -> None:
        """Writes a picture that has been taken of the screen."""
        self._start(self._saved(image))

    def paint(self, assigns: Assigns, layout: str, poses: Mapping[str, Any]) -> None:
        """Paints the order's moments in this state; poses: how each view is looked at."""
        self._start(self._painted(assigns, layout, poses))

    def stop(self) -> None:
        """Ends it, with whole files only. Harmless when repeated."""
        self._timer.stop()
        if self._steps is not None:
            self._steps.close()
            self._steps = None
        if self._last is not None:
            wait([self._last])

    def _start(self, steps: Steps[None]) -> None:
        self._steps = steps
        self._timer.start()

    def _step(self) -> None:
        if self._steps is None:
            return
        try:
            next(self._steps)
        except StopIteration:
            self.stop()
            self.ended.emit("")
        except (ScopeError, OSError) as problem:
            self.stop()
            self.ended.emit(str(problem))

    def _saved(self, image: QImage) -> Steps[None]:
        yield from self._answer(lambda: save_png(image, self.order.output))
        self._count()

    def _painted(self, assigns: Assigns, layout: str, poses: Mapping[str, Any]) -> Steps[None]:
        order = self.order
        session, source, frames = yield from self._answer(partial(_opened, assigns, self._pool))
        views: Offscreen | None = None
        pages: Album | None = None
        try:
            if order.fps is not None:
                count, fps = len(order.times), order.fps
                pages = yield from self._answer(lambda: album(order.output, count, fps))
            first = yield from self._answer(partial(_frame_at, source, frames, order.times[0]))
            whole = replace(assigns, frame=first, frame_parts=None)  # the window's has what is in sight there
            views = Offscreen(order.view, source, whole, order.size, make_desk=self._make_desk, layout=layout)
            for time_ns in order.times:
                views.show((yield from self._answer(partial(_frame_at, source, frames, time_ns))))
                while views.is_loading:
                    yield
                views.load()
                if not self.done:
                    views.take_poses(poses)
                yield
                yield from self._answer(self._keeping(views, pages))
                self._count()
            if pages is not None:
                yield from self._answer(pages.finish)
        finally:
            if pages is not None:
                pages.give_up()
            if views is not None:
                views.close()
            self._submit(session.close)

    def _keeping(self, views: Offscreen, pages: Album | None) -> Callable[[], object]:
        """Paints what is seen, and gives what writes it."""
        if is_vectors(self.order.output):
            vectors = views.vectors()
            self.said = vectors.said
            return partial(vectors.save, self.order.output)
        picture = views.picture()
        return partial(save_png, picture, self.order.output) if pages is None else partial(pages.add, picture)

    def _answer(self, work: Callable[[], _Answer]) -> Steps[_Answer]:
        """Has it done, and steps until it is."""
        asked = self._submit(work)
        while not asked.done():
            yield
        return asked.result()

    def _submit(self, work: Callable[[], _Answer]) -> Future[_Answer]:
        """Has the pool do it once the last thing is done: files are closed after they have been read."""
        before, answer = self._last, Future[_Answer]()
        self._last = answer

        def begin(_: object = None) -> None:
            self._pool.submit(Priority.REST, partial(_fill, answer, work))

        if before is None:
            begin()
        else:
            before.add_done_callback(begin)
        return answer

    def _count(self) -> None:
        self.done += 1
        self.progressed.emit(self.done)


def _fill(answer: Future[_Answer], work: Callable[[], _Answer]) -> None:
    try:
        answer.set_result(work())
    except BaseException as error:
        answer.set_exception(error)


def _opened(assigns: Assigns, pool: WorkerPool) -> tuple[Session, Source, FrameReader]:
    session = Session.open(Path(assigns.session.path if assigns.session is not None else ""))
    return session, Source(session, pool), FrameReader(session)


def _frame_at(source: Source, frames: FrameReader, time_ns: int) -> Frame:
    """The frame, with what views will ask for next in memory."""
    frame = frames.at(time_ns)
    recent(source, frame)
    event_in_words(source, frame)
    return frame
