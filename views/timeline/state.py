"""What the timeline keeps in the window's state: lanes kept open, at the top or larger, metrics unfolded. No Qt."""

from __future__ import annotations

from typing import Annotated

from msgspec.structs import replace

from views.loop.events import Event
from views.loop.remembered import OF_SESSION
from views.loop.state import Assigns
from views.loop.view_states import ViewState

LEAST_FACTOR, MOST_FACTOR = 0.25, 40.0


class KeepOpen(Event, frozen=True, kw_only=True):
    """Keeps a lane open with a row for each depth, or no more; None: the focused one."""

    track_id: int | None = None


class PinLane(Event, frozen=True, kw_only=True):
    """Has a lane stay at the top while the others are scrolled, or no more; None: the focused one."""

    track_id: int | None = None


class EnlargeLane(Event, frozen=True, kw_only=True):
    """Makes a lane so many times as high as it is; None: the focused one, a factor of 0: as high as it was at first."""

    factor: float
    track_id: int | None = None


class UnfoldMetrics(Event, frozen=True, kw_only=True):
    """Shows all metrics above the lanes, or the first two again."""


class TimelineState(ViewState, frozen=True, kw_only=True):
    """`kept_open` and `pinned` are track ids; `larger` how many times as high as it would be a lane is, by track id."""

    kept_open: Annotated[frozenset[int], OF_SESSION] = frozenset()
    pinned: Annotated[frozenset[int], OF_SESSION] = frozenset()
    all_metrics: Annotated[bool, OF_SESSION] = False
    larger: Annotated[tuple[tuple[int, float], ...], OF_SESSION] = ()

    def handle(self, event: Event, assigns: Assigns) -> TimelineState:
        """The state after this event."""
        if assigns.session is None:
            return self
        match event:
            case KeepOpen(track_id=track_id):
                return replace(self, kept_open=self.kept_open ^ {track_id or assigns.focus_track_id})
            case PinLane(track_id=track_id):
                return replace(self, pinned=self.pinned ^ {track_id or assigns.focus_track_id})
            case EnlargeLane(factor=factor, track_id=track_id):
                return self._enlarged(track_id or assigns.focus_track_id, factor)
            case UnfoldMetrics():
                return replace(self, all_metrics=not self.all_metrics)
            case _:
                return self

    def _enlarged(self, track_id: int, factor: float) -> TimelineState:
        sizes = dict(self.larger)
        wanted = min(max(sizes.pop(track_id, 1.0) * factor, LEAST_FACTOR), MOST_FACTOR) if factor else 1.0
        if abs(wanted - 1.0) > 0.01:
            sizes[track_id] = wanted
        return replace(self, larger=tuple(sorted(sizes.items())))
