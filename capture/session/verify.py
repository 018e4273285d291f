"""Every byte and every promise of a session, checked segment by segment in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from capture.errors import FormatError, SessionProblem
from capture.session.caches import unframed
from capture.session.format import MANIFEST_COPY, FileEntry, Problem, SegmentEntry, decode_manifest
from capture.session.notes import shown_notes
from capture.session.rows import as_table
from capture.session.session import Session
from capture.session.tables import SCHEMAS, TABLE


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a full check found. `ok`: nothing is lost and nothing contradicts anything else.

    `dropped`: events that never came into the session, which its books know; they are not damage.
    """

    ok: bool
    files: int
    bytes: int
    dropped: int
    rows: dict[str, int]
    problems: list[Problem]


def verify(session: Session, each_segment: Callable[[], None] = lambda: None) -> Report:
    """Reads all of the session and compares it with itself; tells how far it is."""
    rows: Counter[str] = Counter()
    found: list[Problem] = []
    for rows_of in (session.processes, session.tracks, session.sites, session.state_keys):
        rows_of()  # raises what no reader would get past
    named = [name for name, table in TABLE.items() if table.lives == "definition"]
    definitions = {name: whole for name in named if (whole := session.whole_table(name)) is not None}
    ids_of = {name: _distinct(table.column(0)) for name, table in definitions.items()}
    for name, table in definitions.items():
        found += _strangers(None, name, table, ids_of)
    for entry in session.manifest.defs:
        rows[entry.table] += entry.rows
        if entry.table not in SCHEMAS:
            _check_bytes(session, None, entry)
    kinds: Counter[str] = Counter()
    places, there = set(session.keyframe_places()), session.names()
    for index, segment in enumerate(session.segments):
        for entry in segment.files:
            if entry.table not in SCHEMAS:  # a newer Scope's: its bytes are all that can be checked
                rows[entry.table] += entry.rows
                _check_bytes(session, segment, entry)
        tables = {e.table: session.segment_table(index, e.table) for e in segment.files if e.table in SCHEMAS}
        for name, table in tables.items():
            rows[name] += len(table)
            if name not in _damaged(session, segment):
                found += _segment_problems(segment, name, as_table(name, table), ids_of)
        if "events" in tables:
            kinds.update(
                {item["values"]: item["counts"] for item in pc.value_counts(tables["events"]["kind"]).to_pylist()}
            )
        if (index in places or segment.keyframe_name in there) and session.keyframe(index) is None:
            found.append(_problem(segment, "its keyframe is missing; `scope-gui index` writes it again", lost=False))
        if segment.detail_name in there and not _detail_is_sound(session, segment):
            told = "its level of detail is damaged; `scope-gui index` writes it again"
            found.append(_problem(segment, told, lost=False))
        each_segment()
    found += _whole_session(session, rows["events"], kinds)
    shown_notes(session)  # what nobody can read of them is a problem of the session
    problems = [*session.problems, *found]
    files = [entry for segment in session.segments for entry in segment.files] + session.manifest.defs
    return Report(
        ok=not any(problem.lost for problem in problems),
        files=len(files),
        bytes=sum(entry.bytes for entry in files),
        dropped=session.manifest.counts.dropped,
        rows=dict(rows),
        problems=problems,
    )


def _check_bytes(session: Session, segment: SegmentEntry | None, entry: FileEntry) -> None:
    """Lets the session report a file of which nobody knows what is in it when it is not what was written."""
    try:
        session.reader.bytes(segment, entry)
    except FileNotFoundError:
        session.reader.missing(segment, entry)


def _detail_is_sound(session: Session, segment: SegmentEntry) -> bool:
    """False when there is one and it is not what was written; none is no problem, it comes with the first look."""
    try:
        unframed(session.raw(segment.detail_name))
    except FileNotFoundError:
        return True
    except SessionProblem:
        return False
    return True


def _damaged(session: Session, segment: SegmentEntry) -> set[str]:
    return {entry.table for entry in segment.files if entry.name in session.reader.damaged}


def _segment_problems(
    segment: SegmentEntry, name: str, table: pa.Table, ids_of: Mapping[str, set[int]]
) -> Iterator[Problem]:
    spec = TABLE[name]
    if spec.numbered:
        ids, times = (table[column].to_numpy() for column in (spec.columns[0].name, spec.time))
        if (
            len(ids) != segment.events
            or (ids != np.arange(segment.first_event_id, segment.first_event_id + len(ids))).any()
        ):
            yield _problem(segment, f"its {name} are not numbered one by one")
        if (np.diff(times) < 0).any():
            yield _problem(segment, f"its {name} are not in time order")
    if {"start_ns", "end_ns"} <= set(table.column_names) and pc.any(
        pc.less(table["end_ns"], table["start_ns"])
    ).as_py():
        yield _problem(segment, f"{name} end before they start")
    if spec.time:
        when = table[spec.time].drop_null()
        if len(when) and not (segment.start_ns <= pc.min(when).as_py() and pc.max(when).as_py() <= segment.end_ns):
            yield _problem(segment, f"{name} lie outside of its time")
    yield from _strangers(segment, name, table, ids_of)


def _whole_session(session: Session, events: int, kinds: Counter[str]) -> Iterator[Problem]:
    manifest = session.manifest
    counts = manifest.counts
    if not session.live and not any(problem.lost and problem.file for problem in session.problems):
        if counts.recorded != events:
            yield Problem(f"{counts.recorded} events were recorded, but the segments hold {events}.")
        if manifest.kinds and +Counter(manifest.kinds) != +kinds:
            yield Problem("The numbers of events by kind are not those of the segments.")
    try:
        decode_manifest(session.raw(MANIFEST_COPY))
    except FileNotFoundError:
        yield Problem(f"{MANIFEST_COPY} is missing.", lost=False, file=MANIFEST_COPY)
    except (FormatError, SessionProblem) as error:
        yield Problem(f"{MANIFEST_COPY} is damaged: {error.message}", lost=False, file=MANIFEST_COPY)


def _distinct(column: pa.ChunkedArray) -> set[int]:
    return set(pc.unique(column).drop_null().to_pylist())


def _strangers(
    segment: SegmentEntry | None, name: str, table: pa.Table, ids_of: Mapping[str, set[int]]
) -> Iterator[Problem]:
    """Ids of definitions that are not there."""
    for column in TABLE[name].columns:
        unknown = _distinct(table[column.name]) - ids_of[column.refers] if column.refers else None
        if unknown:
            some = ", ".join(str(i) for i in sorted(unknown)[:5])
            yield _problem(segment, f"{name} refer to {column.refers} that are not there: {some}")


def _problem(segment: SegmentEntry | None, what: str, *, lost: bool = True) -> Problem:
    if segment is None:
        return Problem(f"{what[:1].upper()}{what[1:]}.", lost=lost)
    return Problem(f"Segment {segment.seq}: {what}.", lost=lost, start_ns=segment.start_ns, end_ns=segment.end_ns)
