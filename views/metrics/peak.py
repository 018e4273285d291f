"""Where a metric is at its highest: asked for by a command, found in the samples of the whole session. No Qt."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from capture.events.metrics import metric_named
from views.loop import events as e
from views.loop.state import Notice
from views.metrics.layout import metric_lines
from views.metrics.samples import by_name
from views.reading.questions import Asked
from views.words.figures import duration_text


class GoToPeak(e.Event, frozen=True, kw_only=True):
    """Goes to the moment at which a metric is at its highest in the session. The effect finds it."""

    metric: str


def find(asked: Asked) -> Iterator[e.Event]:
    """Goes there, and says how much it was."""
    assert isinstance(asked.event, GoToPeak)
    name, session = asked.event.metric, asked.source.session
    if session is None:
        return
    pieces: list[pa.Table] = []
    for index in session.with_rows:
        asked.reads_on()
        pieces.append(session.segment_table(index, "metrics"))
    processes = asked.source.names.processes.values()
    ends_ns = {row.process_id: row.end_ns for row in processes if row.end_ns is not None}
    line = next((line for line in metric_lines(by_name(pieces), ends_ns) if line.name == name), None)
    peak = None if line is None else line.peak((session.start_ns, session.end_ns))
    if line is None or peak is None:
        yield e.Tell(notice=Notice(f"{metric_named(name).title}: not sampled in this session."))
        return
    time_ns, value = peak
    yield e.SeekTo(time_ns=time_ns, visit=True)
    yield e.Tell(notice=Notice(f"{line.title} is at its highest here: {line.text(value)} at {duration_text(time_ns)}."))
