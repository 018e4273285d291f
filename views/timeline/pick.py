"""What is under a point of the lanes, and how to say it in a few lines. Pure, no Qt."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import Any

import msgspec
import numpy as np

from capture.events.kinds import KIND
from dags.analyses.detail import OPEN_END
from views.reading.source import Names
from views.timeline.content import Content
from views.timeline.lanes import Lane
from views.timeline.layout import innermost_at, span_at
from views.words.figures import calls_text, count_text, duration_text
from views.words.plain_text import plain


class Hit(msgspec.Struct, frozen=True):
    """A lane, its thread there, an instant, and the call there as a row of the content's spans."""

    lane: Lane
    time_ns: int
    depth: int
    span: int | None
    slack_ns: int = 0
    track_id: int = 0


def hit(content: Content, lane: Lane, y: int, time_ns: int, slack_ns: int) -> Hit:
    """What a point of a lane means; a call that is missed by no more than the slack counts as hit."""
    row = int((y - lane.first_row_y) // lane.row_px) if lane.rows else -1
    if not 0 <= row < lane.rows:
        return Hit(lane, time_ns, row, None, slack_ns, lane.track_id)
    track_id = lane.track_at(row, time_ns)
    if lane.members:
        span = innermost_at(content.spans, track_id, time_ns, slack_ns)
    else:
        span = span_at(content.spans, track_id, row, time_ns, slack_ns)
    return Hit(lane, time_ns, row, span, slack_ns, track_id or lane.track_id)


def extent(span: Any, range_ns: tuple[int, int]) -> tuple[int, int]:
    """From when to when a call ran; one that is still open runs to the end of what is recorded."""
    end_ns = int(span["end_ns"])
    return int(span["start_ns"]), range_ns[1] if end_ns == OPEN_END else end_ns


def told(found: Hit, content: Content, names: Names) -> str:
    """What is there, as the HTML of a tool tip; names come from the recorded program, so they are escaped."""
    return "<br>".join(escape(line) for line in lines(found, content, names))


def lines(found: Hit, content: Content, names: Names) -> list[str]:
    """The same as lines of text."""
    said = [plain(names.track(found.track_id) if found.lane.members else found.lane.name, 120)]
    if found.span is not None:
        span = content.spans[found.span]
        site = names.sites.get(int(span["site_id"]))
        said.append(plain(names.site(int(span["site_id"])), 200))
        if site is not None and site.file:
            said.append(plain(f"defined at {site.file}:{site.line}", 300))
        end_ns = int(span["end_ns"])
        if end_ns == OPEN_END:
            said.append("goes on past what is visible")
        else:
            said.append(duration_text(end_ns - int(span["start_ns"])))
        if int(span["raised"]):
            said.append("left by an exception")
    else:
        said += _counted(found, content, names)
    near = content.marks[np.abs(content.marks["time_ns"] - found.time_ns) <= found.slack_ns]
    kinds = Counter(near["kind"][near["track_id"] == found.track_id].tolist())
    said += [f"{count_text(n)} x {KIND[kind].title if kind in KIND else 'event'}" for kind, n in kinds.items()]
    for gap in content.gaps:
        if int(gap["track_id"]) in (0, found.track_id) and int(gap["start_ns"]) <= found.time_ns <= int(gap["end_ns"]):
            lost = int(gap["dropped"])
            said.append(f"{count_text(lost)} events are lost here" if lost else "calls are not recorded here")
    return said


def _counted(found: Hit, content: Content, names: Names) -> list[str]:
    """What the pyramid says about the time around that instant, as much as a pointer may miss."""
    around_ns = (found.time_ns - found.slack_ns, found.time_ns + found.slack_ns)
    for level, rows in content.counts:
        first, last = (time_ns >> (2 * level) for time_ns in around_ns)
        here = rows[(rows["track_id"] == found.track_id) & (rows["bin"] >= first) & (rows["bin"] <= last)]
        if not len(here):
            continue
        count, raised = int(here["count"].sum()), int(here["raised"].sum())
        busiest = here[int(np.argmax(here["site_count"]))]
        said = [f"{count_text(count)} events in {duration_text((last - first + 1) << (2 * level))}"]
        if int(busiest["site_id"]):
            said.append(f"most in {plain(names.site(int(busiest['site_id'])), 200)}")
        if raised:
            said.append(f"{calls_text(raised)} left by an exception")
        return [*said, "Zoom in to see the calls"]
    return []
