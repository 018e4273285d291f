"""The page of an exception: what it says, the calls it left and the one that caught it, others of its type. No Qt."""

from __future__ import annotations

from dags.analyses.exception_facts import ExceptionFacts, Passed, Told
from dags.frame_parts import Frame
from views.inspector.diff import Piece
from views.inspector.pages.parts import fact, instant_row, place_row, to_call
from views.inspector.sections import NAME_LENGTH, Link, Row, Section
from views.loop.events import Event, Select, Visit
from views.loop.state import Selection
from views.words.figures import count_text
from views.words.plain_text import plain


def sections(facts: ExceptionFacts, frame: Frame) -> tuple[Section, ...]:
    """What it is, and the calls that it was in, from where it was raised outwards."""
    found = [Section(key="exception", title="Exception", rows=_exception_rows(facts, frame), form="facts")]
    rows = [_frame_row(one, facts, at) for at, one in enumerate(facts.frames)]
    if facts.more_frames:
        rows.append(Row(key="more", label=f"and {count_text(facts.more_frames)} more"))
    if rows:
        found.append(Section(key="frames", title="The calls that it was in", rows=tuple(rows), form="lines"))
    return tuple(found)


def to_exception(told: Told) -> Event:
    """Goes to where it was raised and picks it."""
    return Visit(time_ns=told.time_ns, selection=Selection("event", told.exception_id, told.track_id))


def _exception_rows(facts: ExceptionFacts, frame: Frame) -> tuple[Row, ...]:
    told = facts.told
    others = [Link(word, to_exception(one)) for word, one in (("previous", facts.before), ("next", facts.after)) if one]
    number = "" if not facts.of_type else f"{count_text(facts.number)} of {count_text(facts.of_type)} of this type"
    thread = Link("thread", Select(selection=Selection("track", told.track_id, told.track_id)))
    rows = [
        fact("type", "type", told.type or "not known"),
        fact("message", "says", told.message if told.message is not None else "nothing"),
        fact("function", "raised in", facts.function, *_call_link(told)),
        place_row(facts.file, facts.line),
        instant_row("when", "raised", told.time_ns, frame.time_ns),
        fact("thread", "thread", facts.thread, thread),
        _fate_row(facts, frame),
    ]
    if number or others:
        rows.append(fact("others", "which", number, *others))
    return tuple(rows)


def _call_link(told: Told) -> tuple[Link, ...]:
    if not told.call_id:
        return ()
    picked = Selection("call", told.call_id, told.track_id)
    return (Link("call", Visit(time_ns=told.time_ns, selection=picked)),)


def _fate_row(facts: ExceptionFacts, frame: Frame) -> Row:
    caught = facts.caught_in
    if caught is not None:
        to = to_call(caught, frame, facts.told.time_ns)
        return fact("fate", "caught in", caught.function, Link("catcher", to))
    said = "by nobody: it left the outermost recorded call" if facts.fate == "left" else "not known"
    return fact("fate", "caught", said)


def _frame_row(one: Passed, facts: ExceptionFacts, at: int) -> Row:
    event: Event = Select(selection=Selection("site", one.site_id, facts.told.track_id))
    if one.call_id:
        picked = Selection("call", one.call_id, facts.told.track_id)
        event = Visit(time_ns=facts.told.time_ns, selection=picked)
    return Row(
        key=f"{at}:{one.call_id}",
        label=plain(one.function, NAME_LENGTH),
        pieces=(Piece(plain(f"{one.file.rsplit('/', 1)[-1]}:{one.line}", NAME_LENGTH)),),
        note="raised" if one.role == "raised" else "left",
        links=(Link("call", event),),
    )
