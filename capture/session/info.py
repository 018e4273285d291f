"""A session in figures, from its manifest alone."""

from __future__ import annotations

import msgspec

from capture.changes import SettingsChange
from capture.measured_cost import Overhead
from capture.session.format import Manifest, Problem
from capture.unseen import Blindness, told_unseen


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """A session in figures. `complete`: the recording has ended and nothing of it is missing here.

    `overhead`: None where it is not known.
    """

    format_version: str
    complete: bool
    state: str
    duration_ns: int
    produced: int
    recorded: int
    dropped: int
    late: int
    size_bytes: int
    kinds: dict[str, int]
    segments: int
    processes: int
    tracks: int
    python: str
    mode: str
    target: str
    session_id: str
    created_real_ns: int
    overhead: Overhead | None
    problems: list[Problem]
    unseen: list[Blindness]
    changes: list[SettingsChange]


def session_info(manifest: Manifest, size_bytes: int, problems: list[Problem], *, complete: bool) -> Info:
    """The figures of the session that this manifest describes."""
    counts, about = manifest.counts, manifest.about
    return Info(
        format_version=manifest.format,
        complete=complete,
        state=manifest.state,
        duration_ns=manifest.end_ns - manifest.start_ns,
        produced=counts.produced,
        recorded=counts.recorded,
        dropped=counts.dropped,
        late=counts.late,
        size_bytes=size_bytes,
        kinds=dict(manifest.kinds),
        segments=len(manifest.segments),
        processes=sum(entry.rows for entry in manifest.defs if entry.table == "processes"),
        tracks=sum(entry.rows for entry in manifest.defs if entry.table == "tracks"),
        python=about.python,
        mode=about.mode,
        target=about.target,
        session_id=about.session_id,
        created_real_ns=about.created_real_ns,
        overhead=manifest.overhead,
        problems=problems,
        unseen=told_unseen(manifest.unseen),
        changes=list(manifest.changes),
    )
