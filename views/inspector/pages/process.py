"""The page of a process: its life, its most memory and CPU, its calls and exceptions, its threads. No Qt."""

from __future__ import annotations

from capture.events.metrics import metric_named
from capture.events.track_kinds import HEADS
from dags.analyses.process_facts import ProcessFacts
from dags.frame_parts import Frame, status_text
from views.inspector.diff import Piece
from views.inspector.pages.parts import fact, instant_row
from views.inspector.sections import NAME_LENGTH, Link, Row, Section
from views.loop.events import SeekTo, Select
from views.loop.state import Selection
from views.words.figures import count_text, duration_text, figure_text
from views.words.plain_text import plain

MOST_THREADS = 24
PEAKS = {"rss_bytes": "memory", "cpu_percent": "CPU"}
"""The figures of which a person asks for the peak first."""


def sections(facts: ProcessFacts, frame: Frame) -> tuple[Section, ...]:
    """Its story, and its threads as they are at the cursor."""
    found = [Section(key="story", title="Its story", rows=_story_rows(facts, frame.time_ns), form="facts")]
    threads = [one for one in frame.tracks if one.process_id == facts.process_id and one.kind not in HEADS]
    rows = [
        Row(
            key=str(one.track_id),
            label=plain(one.name or f"track {one.track_id}", NAME_LENGTH),
            pieces=(Piece(plain(one.stack[-1].function, NAME_LENGTH)),) if one.stack else (),
            note=status_text(one),
            links=(Link("thread", Select(selection=Selection("track", one.track_id, one.track_id))),),
        )
        for one in sorted(threads, key=lambda one: (one.status == "ended", one.track_id))[:MOST_THREADS]
    ]
    if len(threads) > MOST_THREADS:
        rows.append(Row(key="more", label=f"and {count_text(len(threads) - MOST_THREADS)} more"))
    if rows:
        title = f"Threads ({count_text(len(threads))})"
        found.append(Section(key="threads", title=title, rows=tuple(rows), form="lines"))
    return tuple(found)


def _story_rows(facts: ProcessFacts, now_ns: int) -> tuple[Row, ...]:
    rows = []
    if facts.start_ns is None:
        rows.append(fact("began", "began", "not known"))
    elif facts.start_ns < 0:
        rows.append(fact("began", "began", f"{duration_text(-facts.start_ns)} before the recording"))
    else:
        rows.append(instant_row("began", "began", facts.start_ns, now_ns))
    if facts.end_ns is None:
        rows.append(fact("ended", "ended", "not while it was recorded"))
    else:
        rows.append(instant_row("ended", "ended", facts.end_ns, now_ns))
    for name, label in PEAKS.items():
        peak = facts.peaks.get(name)
        if peak is not None:
            text = figure_text(peak.value, metric_named(name).unit)
            rows.append(
                fact(name, label, f"{text} at most", Link("go there", SeekTo(time_ns=peak.time_ns, visit=True)))
            )
    counting = "counting \N{HORIZONTAL ELLIPSIS}"
    for key, count in (("calls", facts.calls), ("exceptions", facts.exceptions)):
        rows.append(fact(key, key, counting if count is None else count_text(count)))
    return tuple(rows)
