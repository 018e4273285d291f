"""Rows that several of the inspector's pages have: a fact, a call, a write, an instant. No Qt."""

from __future__ import annotations

from dags.analyses.called import Called
from dags.analyses.writes import Write
from dags.frame_parts import Frame
from views.inspector.diff import Piece, value_diff
from views.inspector.sections import NAME_LENGTH, VALUE_LENGTH, Link, Row, SourcePlace
from views.loop.events import Event, SeekTo, Select, Visit
from views.loop.state import Selection
from views.words.figures import count_text, duration_text
from views.words.plain_text import plain

DELETED = "deleted"


def fact(key: str, label: str, text: str, *links: Link) -> Row:
    """One thing that is known, in a line."""
    return Row(key=key, label=label, pieces=(Piece(plain(text, VALUE_LENGTH)),), links=links)


def place_row(file: str, line: int) -> Row:
    """Where a function is defined, with its source for whoever asks."""
    text = plain(f"{file.rsplit('/', 1)[-1]}:{line}", NAME_LENGTH)
    return Row(key="place", label="defined", pieces=(Piece(text),), source=SourcePlace(file, line))


def away(time_ns: int, now_ns: int) -> str:
    """How far an instant lies from the cursor.

    >>> away(1_000, 3_000).replace("\\u202f", " "), away(3_000, 1_000).replace("\\u202f", " "), away(5, 5)
    ('2 µs ago', 'in 2 µs', 'now')
    """
    if time_ns == now_ns:
        return "now"
    return f"{duration_text(now_ns - time_ns)} ago" if time_ns < now_ns else f"in {duration_text(time_ns - now_ns)}"


def to_call(call: Called, frame: Frame, at_ns: int | None = None) -> Event:
    """Picks a call, and goes to an instant at which it runs unless it does at the cursor; None: where it begins."""
    picked = Selection("call", call.call_id, call.track_id)
    track = next((track for track in frame.tracks if track.track_id == call.track_id), None)
    if track is not None and any(one.call_id == call.call_id for one in track.stack):
        return Select(selection=picked)
    return Visit(time_ns=call.start_ns if at_ns is None else at_ns, selection=picked)


def to_write(write: Write) -> Event:
    """Goes to a version of a value and picks it."""
    return Visit(time_ns=write.time_ns, selection=Selection("state", write.version_id, write.track_id))


def write_row(write: Write, now_ns: int, *, picked: bool = False) -> Row:
    """A version in a line: when, what changed, who wrote it."""
    who = f"{write.function or 'a call that is not known'} on {write.thread}" if write.thread else "a look from outside"
    many = f", {count_text(write.changes)} changes" if write.changes > 1 else ""
    return Row(
        key=str(write.version_id),
        label=away(write.time_ns, now_ns),
        pieces=change(write),
        note=plain(f"{who}{many}", NAME_LENGTH),
        links=(Link("go there", to_write(write)),),
        picked=picked,
    )


def own_write_row(write: Write, now_ns: int) -> Row:
    """A version that the thing of the page wrote: of which value, what changed, when."""
    name = f"{write.owner.rpartition('.')[2]}.{write.key}" + (f" #{write.object_id}" if write.object_id else "")
    return Row(
        key=str(write.version_id),
        label=plain(name, NAME_LENGTH),
        pieces=change(write),
        note=away(write.time_ns, now_ns),
        links=(Link("go there", to_write(write)),),
    )


def change(write: Write) -> tuple[Piece, ...]:
    """What a write made of the value."""
    old = None if write.old is None else plain(write.old, VALUE_LENGTH)
    if write.new is None:
        return (Piece(old or DELETED, "old"),)
    new = plain(write.new, VALUE_LENGTH)
    return (Piece(new),) if old is None else value_diff(old, new)


def instant_row(key: str, label: str, time_ns: int, now_ns: int) -> Row:
    """When something was, from the cursor, and the way there."""
    links = () if time_ns == now_ns else (Link("go there", SeekTo(time_ns=time_ns, visit=True)),)
    return fact(key, label, away(time_ns, now_ns), *links)
