"""The page of a thread: its story, how busy it is in the visible stretch, what it spends its time in. No Qt.

What it is and does at the cursor, its stack and what it waits for stand below, as for everything that is picked.
"""

from __future__ import annotations

from dags.analyses.thread_facts import ThreadFacts
from dags.frame_parts import Frame
from views.inspector.diff import Piece
from views.inspector.pages.parts import fact, to_call
from views.inspector.sections import NAME_LENGTH, Link, Row, Section
from views.loop.events import Select, Visit
from views.loop.state import Selection
from views.words.figures import count_text, duration_text
from views.words.plain_text import plain

COUNTING = "counting \N{HORIZONTAL ELLIPSIS}"


def sections(facts: ThreadFacts, frame: Frame) -> tuple[Section, ...]:
    """Its story and its busiest functions."""
    length_ns = facts.visible_ns[1] - facts.visible_ns[0]
    found = [Section(key="story", title="Its story", rows=_story_rows(facts, frame), form="facts")]
    rows = tuple(
        Row(
            key=str(one.site_id),
            label=plain(one.function, NAME_LENGTH),
            pieces=(Piece(f"{count_text(one.calls)} \N{MULTIPLICATION SIGN}"),),
            note=f"{duration_text(one.own_ns)}{_share(one.own_ns, length_ns)}",
            links=(Link("function", Select(selection=Selection("site", one.site_id, facts.track_id))),),
        )
        for one in facts.busiest
    )
    if rows:
        title = "Functions by own time, of what is visible"
        found.append(Section(key="busiest", title=title, rows=rows, form="lines"))
    return tuple(found)


def _story_rows(facts: ThreadFacts, frame: Frame) -> tuple[Row, ...]:
    length_ns = facts.visible_ns[1] - facts.visible_ns[0]
    rows = [fact("lived", "lived", _lived(facts))]
    if facts.starter_id:
        picked = Selection("track", facts.starter_id, facts.starter_id)
        moment_ns = frame.time_ns if facts.start_ns is None else facts.start_ns
        to = Visit(time_ns=moment_ns, selection=picked)
        rows.append(fact("starter", "started by", facts.starter, Link("starter", to)))
    share, visible = _percent(facts.inside_ns, length_ns), duration_text(length_ns)
    rows.append(fact("in calls", "in calls", f"{share} of the visible {visible}"))
    if facts.asleep_ns is not None:
        rows.append(fact("asleep", "asleep", f"{_percent(facts.asleep_ns, length_ns)} of it (sampled)"))
    in_all = COUNTING if facts.all_calls is None else f"{count_text(facts.all_calls)} in all"
    rows.append(fact("calls", "calls", f"{count_text(facts.calls)} visible, {in_all}"))
    if facts.longest is not None:
        said = f"{facts.longest.function}, {duration_text(facts.longest_ns)}"
        rows.append(fact("longest", "longest", said, Link("call", to_call(facts.longest, frame))))
    rows.append(_exceptions_row(facts))
    return tuple(rows)


def _lived(facts: ThreadFacts) -> str:
    if facts.start_ns is None:
        return "from before the recording, or from when is not known"
    if facts.end_ns is None:
        return "until the end of the recording"
    return duration_text(facts.end_ns - facts.start_ns)


def _exceptions_row(facts: ThreadFacts) -> Row:
    if not facts.exceptions:
        return fact("exceptions", "exceptions", COUNTING if facts.exceptions is None else "none")
    if facts.first_exception is None:
        return fact("exceptions", "exceptions", count_text(facts.exceptions))
    event_id, time_ns = facts.first_exception
    there = Visit(time_ns=time_ns, selection=Selection("event", event_id, facts.track_id))
    return fact("exceptions", "exceptions", count_text(facts.exceptions), Link("first", there))


def _percent(part_ns: int, whole_ns: int) -> str:
    return f"{min(100.0, 100 * part_ns / max(1, whole_ns)):.0f} %"


def _share(part_ns: int, whole_ns: int) -> str:
    return f" \N{MIDDLE DOT} {_percent(part_ns, whole_ns)}"
