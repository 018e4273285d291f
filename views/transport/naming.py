"""What the event at the cursor is, in a few words: `call of Store.put · worker-1 · 12.3 ms`. No Qt.

The worker that makes a frame asks first, so that the bar, which asks for the same while it is patched, reads no file.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from capture.events.batch import EventBatch
from capture.events.kinds import KIND, KINDS, Depth, Kind
from dags.frame_parts import Frame
from views.reading.source import Source
from views.words.figures import duration_text
from views.words.plain_text import plain

MAX_KEPT = 64
MAX_ROWS = 1 << 16
"""So far the other end of a call is looked for: half a millisecond."""
FIRST_ROWS = 1 << 10
NAME_LENGTH, VALUE_LENGTH = 200, 80
_KEPT = "events in words"

_STEPS = np.zeros(256, np.int64)
_STEPS[list(KINDS)] = [kind.row.depth.step for kind in KINDS]
_FORGETS = np.zeros(256, np.bool_)  # what is open after it has nothing to do with what was open before
_FORGETS[list(KINDS)] = [kind.row.depth in (Depth.BEGINS, Depth.ENDS, Depth.TOLD, Depth.LOST) for kind in KINDS]


def event_in_words(source: Source, frame: Frame | None) -> str:
    """The last event at or before a frame's moment, on whichever thread; '' before the first one."""
    if frame is None or not frame.event_id:
        return ""
    kept: dict[int, str] = source.kept_answers.setdefault(_KEPT, {})
    told = kept.get(frame.event_id)
    if told is None:
        if len(kept) >= MAX_KEPT:
            kept.clear()
        told = kept[frame.event_id] = _in_words(source, frame.event_id)
    return told


def _in_words(source: Source, event_id: int) -> str:
    session = source.session
    if session is None:
        return ""
    index = bisect_right(session.segments, event_id, key=lambda segment: segment.first_event_id) - 1
    batch = source.segment_events(index) if index >= 0 else EventBatch.empty()
    row = event_id - batch.first_event_id
    if not 0 <= row < len(batch):
        return ""
    took_ns = took(batch, row)
    parts = (
        _what(source, batch, row),
        plain(source.names.track(int(batch.track_id[row])), NAME_LENGTH),
        "" if took_ns is None else duration_text(took_ns),
    )
    return " · ".join(part for part in parts if part)


def _what(source: Source, batch: EventBatch, row: int) -> str:
    """The kind, and of what: a function, an exception, a value."""
    kind = KIND.get(int(batch.kind[row]))
    if kind is None:
        return "an event of a kind that this Scope does not know"
    site_id, value = int(batch.site_id[row]), batch.value_of(row)
    where = plain(source.names.site(site_id), NAME_LENGTH) if site_id else ""
    if kind is Kind.STATE:
        return f"{_cell(source, int(batch.ref[row]))} = {plain(value or '', VALUE_LENGTH)}"
    if kind is Kind.RAISE:
        message = plain(batch.message_of(row) or "", VALUE_LENGTH)
        what = f"raise of {plain(value or 'an exception', VALUE_LENGTH)}"
        return f"{what}{f': {message}' if message else ''}{f' in {where}' if where else ''}"
    if kind.row.group == "call" and where:
        return f"{kind.title} of {where}"
    return kind.title


def _cell(source: Source, key_id: int) -> str:
    session = source.session
    rows = () if session is None else session.state_keys()
    found = next((row for row in rows if row.key_id == key_id), None)
    return "a value" if found is None else plain(f"{found.owner}.{found.key}", NAME_LENGTH)


def took(batch: EventBatch, row: int) -> int | None:
    """How long the call takes that an event begins or ends; None where its other end is not in the batch, or far off.

    Units: ns.
    """
    step, track_id = int(_STEPS[batch.kind[row]]), int(batch.track_id[row])
    if not step:
        return None
    depth, at, size = 1, row + step, FIRST_ROWS
    while 0 <= at < len(batch) and abs(at - row) < MAX_ROWS:
        piece = slice(at, min(at + size, len(batch))) if step > 0 else slice(max(at - size + 1, 0), at + 1)
        rows = np.flatnonzero(batch.track_id[piece] == track_id) + piece.start
        rows = rows if step > 0 else rows[::-1]
        depths = depth + np.cumsum(_STEPS[batch.kind[rows]] * step)
        ends = np.flatnonzero((depths == 0) | _FORGETS[batch.kind[rows]])
        if len(ends):
            other = int(rows[ends[0]])
            return abs(int(batch.time_ns[other] - batch.time_ns[row])) if depths[ends[0]] == 0 else None
        depth = int(depths[-1]) if len(depths) else depth
        at = piece.stop if step > 0 else piece.start - 1
        size *= 4
    return None
