"""What an importer gives: a session's description, its names, and its events in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from capture.events.batch import EventBatch
from capture.events.definitions import MetricRow, ProcessRow, SiteRow, StateKeyRow, TrackRow
from capture.session.format import About
from capture.unseen import UnseenRow

BATCH_EVENTS = 262_144


@dataclass
class Imported:
    """A recording of another tool.

    `batches` are in order of time, each with at most BATCH_EVENTS events, ids from 1 on without holes; `metrics` too.
    `unseen` says what the source could not tell, and what of it is not taken over. `events`: how many there are in all.
    """

    about: About
    processes: Sequence[ProcessRow]
    tracks: Sequence[TrackRow]
    sites: Sequence[SiteRow]
    batches: Iterator[EventBatch]
    events: int
    end_ns: int
    state_keys: Sequence[StateKeyRow] = ()
    metrics: Sequence[MetricRow] = ()
    unseen: list[UnseenRow] = field(default_factory=list)
