"""The Store: takes events from any thread, folds them once per display frame, patches the views that read the change.

One direction only: a view sends events and is patched, it never answers a patch with an event. Effects are told of
each event with the state before and after it; their answers come back as events.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Set
from typing import Protocol

from msgspec.structs import replace
from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from capture.errors import ScopeBug
from views.loop.events import Event, ShowParts, Tick
from views.loop.state import Assigns
from views.loop.update import handle_event
from views.loop.view_states import all_fields, changed_fields

FRAME_MS = 16
ANSWER_S = 0.008

Send = Callable[[Event], None]
Effect = Callable[[Event, Assigns, Assigns], None]


class View(Protocol):
    """Whatever shows a part of the state."""

    @property
    def reads(self) -> frozenset[str]:
        """The fields of Assigns it is patched for, and views (itself) for whose own state it is."""

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        """Shows what has changed; `changed` are some of `all_fields()`, all the first time."""


class _Shown:
    """A view in the Store: what it has missed while nobody could see it, or while its frame was on its way."""

    def __init__(self, view: View, is_visible: Callable[[], bool], parts: frozenset[str] | None) -> None:
        self.view = view
        self.is_visible = is_visible
        self.parts = parts
        self.missed: frozenset[str] = all_fields()

    def lacks_parts(self, assigns: Assigns) -> bool:
        """Whether the frame there is has not all that the view shows."""
        return assigns.frame is not None and assigns.frame.lacks(self.parts or ())

    def is_asked_for(self, assigns: Assigns) -> bool:
        """Whether frames are asked for all that the view shows."""
        return assigns.frame_parts is None or assigns.frame_parts >= (self.parts or frozenset())


class Store:
    """The state and those who show it. Only `send` may be called from another thread.

    `patches` counts how often a view was patched.
    """

    def __init__(self, assigns: Assigns | None = None, wake: Callable[[], None] = lambda: None) -> None:
        """`wake` is called, from the sender's thread, when there is something to fold."""
        self.assigns = assigns or Assigns()
        self.wake = wake
        self.effects: list[Effect] = []
        self.patches = 0
        self._inbox: deque[Event] = deque()
        self._arrived = threading.Event()
        self._shown: list[_Shown] = []
        self._patching_thread: int | None = None

    def send(self, event: Event) -> None:
        """Takes an event to be folded soon.

        Raises: ScopeBug from within a patch: a view that answers a patch with an event may never come to rest.
        """
        if self._patching_thread == threading.get_ident():
            raise ScopeBug(f"{type(event).__name__} was sent by a view that was being patched")
        self._inbox.append(event)
        self._arrived.set()
        self.wake()

    @property
    def has_waiting(self) -> bool:
        """Whether events wait for the next display frame."""
        return bool(self._inbox)

    def add(
        self, view: View, is_visible: Callable[[], bool] = lambda: True, parts: frozenset[str] | None = None
    ) -> None:
        """Shows the state in one more view, now and after every change; what is not visible is patched once it is.

        `parts`: of a frame, those that it shows and frames are asked for while it can be seen; None: it says nothing of
        that, and shows at most what every frame has.
        """
        self._shown.append(_Shown(view, is_visible, parts))
        self._patch(frozenset())

    def fold(self) -> frozenset[str]:
        """Handles the events that are waiting, patches the views and says which fields changed."""
        before = self.assigns
        self._handle_waiting()
        self._ask_for_parts()
        if self._asked_since(before):
            self._wait_for_answers()
        changed = changed_fields(before, self.assigns)
        self._patch(changed)
        return changed

    def _handle_waiting(self) -> None:
        self._arrived.clear()
        for _ in range(len(self._inbox)):
            self._handle(self._inbox.popleft())

    def _handle(self, event: Event) -> None:
        old, self.assigns = self.assigns, handle_event(self.assigns, event)
        for effect in self.effects:
            effect(event, old, self.assigns)

    def _ask_for_parts(self) -> None:
        """Has frames made of what can be seen. Until anything can, as when a session opens, they are whole."""
        seen = [shown.parts for shown in self._shown if shown.parts is not None and shown.is_visible()]
        parts, asked = frozenset[str]().union(*seen), self.assigns.frame_parts
        if self.assigns.session is not None and parts != asked and (seen or asked is not None):
            self._handle(ShowParts(parts=parts))

    def _asked_since(self, before: Assigns) -> bool:
        """Whether a step or a frame has been asked for that was not asked for before."""
        now = self.assigns
        return now.frame_wanted_ns not in (None, before.frame_wanted_ns) or bool(
            now.steps and now.steps != before.steps
        )

    def _wait_for_answers(self) -> None:
        """A step and its frame are there in a few milliseconds when what they need is in memory: then cursor and frame
        are painted once, together. Half a display frame is the most that anybody waits for it.
        """
        deadline_s = time.monotonic() + ANSWER_S
        while (self.assigns.frame_wanted_ns is not None or self.assigns.steps) and (
            left_s := deadline_s - time.monotonic()
        ) > 0:
            if not self._inbox:
                self._arrived.wait(left_s)
            self._handle_waiting()

    def _patch(self, changed: frozenset[str]) -> None:
        """Patches all views, then raises the first failure: one broken view must not blind the others."""
        failure: Exception | None = None
        for shown in self._shown:
            shown.missed |= changed & shown.view.reads
            if not shown.missed or not shown.is_visible():
                continue
            lacks, is_asked = shown.lacks_parts(self.assigns), shown.is_asked_for(self.assigns)
            if lacks and not is_asked:
                self.wake()  # it came into sight by the patch of another one, or just now
            if lacks and (not is_asked or self.assigns.frame_wanted_ns is not None):
                continue
            missed, shown.missed = shown.missed, frozenset()
            self.patches += 1
            self._patching_thread = threading.get_ident()
            try:
                shown.view.patch(replace(self.assigns, frame=None) if lacks else self.assigns, missed)
            except Exception as error:
                failure = failure or error
            finally:
                self._patching_thread = None
        if failure is not None:
            raise failure


class Pulse(QObject):
    """Folds a Store at most once per display frame, on the thread that made the pulse; ticks while it plays."""

    _wanted = Signal()

    def __init__(self, store: Store, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._beat_s = 0.0
        self._patched_s = 0.0
        self._asked = threading.Event()  # one queued signal is enough for any number of events
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._wanted.connect(self._schedule, Qt.ConnectionType.QueuedConnection)
        store.wake = self.wake

    def wake(self) -> None:
        """Asks for a fold; from any thread."""
        if not self._asked.is_set():
            self._asked.set()
            self._wanted.emit()

    def stop(self) -> None:
        """No fold after this one."""
        self._store.wake = lambda: None
        self._timer.stop()

    @Slot()
    def _schedule(self) -> None:
        if not self._timer.isActive():
            last_s = max(self._patched_s, self._beat_s if self._store.assigns.playing else 0.0)
            elapsed_ms = (time.monotonic() - last_s) * 1000
            self._timer.start(max(0, FRAME_MS - int(elapsed_ms)))

    @Slot()
    def _beat(self) -> None:
        now_s = time.monotonic()
        elapsed_ns, before = min(int((now_s - self._beat_s) * 1e9), 250_000_000), self._store.patches
        self._beat_s = now_s
        self._asked.clear()
        if self._store.assigns.playing:
            self._store.send(Tick(elapsed_ns=elapsed_ns))
        try:
            self._store.fold()
        finally:
            if self._store.patches != before:  # what painted nothing keeps no answer waiting for the next display frame
                self._patched_s = now_s
        if self._store.assigns.playing:
            self.wake()
