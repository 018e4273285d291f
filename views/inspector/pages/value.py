"""The page of a value: what it is, who wrote it and when, the versions around it, and the ways to them. No Qt."""

from __future__ import annotations

from dags.analyses.value_facts import ValueFacts
from dags.analyses.writes import Write
from dags.frame_parts import Frame
from views.inspector.pages.parts import DELETED, away, fact, to_write, write_row
from views.inspector.sections import Link, Row, Section
from views.loop.events import Event, Select, Visit
from views.loop.state import Selection
from views.words.figures import count_text, duration_text


def sections(facts: ValueFacts, frame: Frame) -> tuple[Section, ...]:
    """The version that is picked, and the history around it, the newest first."""
    now_ns, picked = frame.time_ns, facts.picked
    rows = [write_row(one, now_ns, picked=one.version_id == picked.version_id) for one in facts.versions[::-1]]
    if facts.later:
        rows.insert(0, Row(key="later", label=f"and {count_text(facts.later)} later"))
    if facts.earlier:
        rows.append(Row(key="earlier", label=f"and {count_text(facts.earlier)} earlier"))
    return (
        Section(key="value", title="Value", rows=_value_rows(facts, now_ns), form="facts"),
        Section(key="history", title=_history_title(facts), rows=tuple(rows), form="lines"),
    )


def _value_rows(facts: ValueFacts, now_ns: int) -> tuple[Row, ...]:
    one = facts.picked
    before, after = facts.neighbour(-1), facts.neighbour(1)
    here = None if one.time_ns == now_ns else one
    ways = (("go there", here), ("previous", before), ("next", after))
    links = [Link(word, to_write(other)) for word, other in ways if other is not None]
    rows = [
        fact("name", "name", one.cell),
        fact("new", "value", DELETED if one.new is None else one.new),
        fact("old", "before", "had none" if one.old is None else one.old),
        fact("when", "written", away(one.time_ns, now_ns), *links),
        _writer_row(one),
        fact(
            "held",
            "held",
            "until the end of the recording" if after is None else f"for {duration_text(after.time_ns - one.time_ns)}",
        ),
    ]
    if one.changes > 1:
        rows.append(fact("changes", "stands for", f"{count_text(one.changes)} changes, of which this is the last"))
    return tuple(rows)


def _writer_row(write: Write) -> Row:
    if not write.track_id:
        return fact("writer", "written by", "not known: a look from outside found it")
    to: Event = Select(selection=Selection("track", write.track_id, write.track_id))
    if write.call_id:
        to = Visit(time_ns=write.time_ns, selection=Selection("call", write.call_id, write.track_id))
    who = f"{write.function} on {write.thread}" if write.function else write.thread
    return fact("writer", "written by", who, Link("writer", to))


def _history_title(facts: ValueFacts) -> str:
    shown = len(facts.versions)
    if facts.earlier is None or facts.later is None:
        return "History"
    all_told, number = shown + facts.earlier + facts.later, facts.earlier + 1
    number += next(at for at, one in enumerate(facts.versions) if one.version_id == facts.picked.version_id)
    return f"History (version {count_text(number)} of {count_text(all_told)})"
