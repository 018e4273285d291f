"""What the box that finds anything shows of the open session: what was typed, or one of its lists. No Qt.

Names are found at once; the figures beside them (calls, total, own, longest) come when they have been counted, which
for a long session takes as long as reading its calls the first time.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from capture.events.metrics import metric_named
from dags.analyses.exceptions_seen import SeenException, exceptions_seen
from dags.analyses.function_statistics import FunctionStatistics, function_statistics
from dags.analyses.growth import Growth, growth
from views.loop import events as e
from views.loop.state import Assigns, BoxRow
from views.reading.questions import Asked
from views.reading.search_index import SessionIndex, found_rows, session_index, short_place
from views.reading.source import Names, Source
from views.words.figures import calls_text, count_text, duration_text, figure_text

MOST_LISTED = 100
LEAST_STEADINESS = 0.3
"""Of what grew: below it a figure only goes up and down."""
_FIGURES, _INDEX, _GREW = "figures of functions", "index of names", "what grew"


class Figures(NamedTuple):
    """What was counted of so many events."""

    events: int
    statistics: FunctionStatistics
    exceptions: Sequence[SeenException]


class _Known(NamedTuple):
    """An index, and what it was made of."""

    names: tuple[int, int, int]
    figures: Figures | None
    of_names: SessionIndex


def wanted(assigns: Assigns) -> object:
    """What the box asks for, while it is open."""
    box = assigns.box
    return (box.text, box.shows, box.figures, assigns.findings is None) if box.is_open else None


def look(asked: Asked) -> Iterator[e.Event]:
    """The rows of what is typed, or of the list that is shown; of a list only once it has been counted."""
    box, source = asked.assigns.box, asked.source
    if not box.shows:
        rows = _found(source, box.text)
    else:
        listed = _findings(asked.assigns) if box.shows == "findings" else _listed(box.shows, source)
        if listed is None:
            return
        rows = [row for row in listed if _has_words(row, box.text)]
    yield e.BoxFound(key=asked.key, text=box.text, shows=box.shows, rows=tuple(rows))


def figures(asked: Asked) -> Iterator[e.Event]:
    """Counts what functions came to and which exceptions came up, unless that is known of all that is recorded."""
    session, answers = asked.source.session, asked.source.kept_answers
    if session is None:
        return
    events = session.manifest.counts.recorded
    assert isinstance(asked.event, e.OpenBox)
    if asked.event.shows == "what grew":
        if answers.get(_GREW, (0,))[0] != events:
            answers[_GREW] = (events, growth(session, reads_on=asked.reads_on))
            yield e.FiguresKnown(key=asked.key)
        return
    known = answers.get(_FIGURES)
    if known is None or known.events != events:
        statistics = function_statistics(session, reads_on=asked.reads_on)
        answers[_FIGURES] = Figures(events, statistics, exceptions_seen(session, reads_on=asked.reads_on))
        yield e.FiguresKnown(key=asked.key)


def _found(source: Source, text: str) -> list[BoxRow]:
    if not text.strip() or source.session is None:
        return []
    rows = found_rows(_index(source), text)
    return [
        BoxRow(kind=row.kind, title=row.title, detail=row.detail, id=row.place.id, time_ns=row.place.time_ns,
               marks=row.marks)
        for row in rows
    ]  # fmt: skip


def _index(source: Source) -> SessionIndex:
    """That of the names as they are now; made anew only when there are more of them, or more is known of them."""
    assert source.session is not None
    names, figures = source.names, source.kept_answers.get(_FIGURES)
    sizes = (len(names.sites), len(names.tracks), len(source.session.state_keys()))
    known = source.kept_answers.get(_INDEX)
    if known is None or known.names != sizes or known.figures is not figures:
        statistics, exceptions = (None, ()) if figures is None else (figures.statistics, figures.exceptions)
        known = _Known(sizes, figures, session_index(source.session, statistics, exceptions))
        source.kept_answers[_INDEX] = known
    index = copy.copy(known.of_names)
    index.range_ns = (source.session.start_ns, source.session.end_ns)
    return index


def _findings(assigns: Assigns) -> list[BoxRow] | None:
    if assigns.findings is None:
        return None
    return [
        BoxRow(kind="finding", title=one.sentence, detail=one.function, id=at)
        for at, one in enumerate(assigns.findings)
    ]


def _listed(shows: str, source: Source) -> list[BoxRow] | None:
    """The rows of a list, None while they are being counted."""
    names, grew = source.names, source.kept_answers.get(_GREW)
    if shows == "what grew":
        return None if grew is None else _grown(grew[1], source)
    figures = source.kept_answers.get(_FIGURES)
    if figures is None:
        return None
    match shows:
        case "slowest":
            return _slowest(figures.statistics, names)
        case "most called":
            return _most_called(figures.statistics, names)
        case "errors":
            return [_exception(one, names) for one in figures.exceptions[:MOST_LISTED]]
        case _:
            return []


def _slowest(found: FunctionStatistics, names: Names) -> list[BoxRow]:
    """The functions by their longest call. One that runs for more than half of the recording, as the loop of a thread
    does, is not what somebody looks for who asks what is slow: those come last.
    """
    half_ns = (found.range_ns[1] - found.range_ns[0]) // 2
    order = found.ranked("longest").tolist()
    runs_through = {row for row in order if bool(found.longest_is_cut[row]) or int(found.longest_ns[row]) > half_ns}
    rows = []
    for row in sorted(order, key=lambda one: one in runs_through)[:MOST_LISTED]:
        longest, median = duration_text(int(found.longest_ns[row])), found.median_ns(row)
        said = f"runs for {longest}" if row in runs_through else f"longest {longest}"
        as_a_rule = "" if median is None or found.calls[row] < 2 else f", as a rule {duration_text(median)}"
        detail = f"{said}{as_a_rule}, {calls_text(int(found.calls[row]))} · {_place(names, int(found.site_id[row]))}"
        site_id = int(found.site_id[row])
        rows.append(BoxRow(kind="longest call", title=names.site(site_id), detail=detail, id=site_id))
    return rows


def _most_called(found: FunctionStatistics, names: Names) -> list[BoxRow]:
    rows = []
    for row in found.ranked("calls")[:MOST_LISTED].tolist():
        site_id = int(found.site_id[row])
        total, own = duration_text(int(found.total_ns[row])), duration_text(int(found.own_ns[row]))
        detail = f"{calls_text(int(found.calls[row]))}, {total} in all, {own} own · {_place(names, site_id)}"
        rows.append(BoxRow(kind="function", title=names.site(site_id), detail=detail, id=site_id))
    return rows


def _grown(found: Sequence[Growth], source: Source) -> list[BoxRow]:
    """What is more at its end than at its begin, and did not only go up and down; what grew most and evenly first."""
    keys = {
        f"{row.owner}.{row.key}": row.key_id for row in ([] if source.session is None else source.session.state_keys())
    }
    rows = []
    for one in [one for one in found if one.last > one.first and one.steadiness >= LEAST_STEADINESS][:MOST_LISTED]:
        unit = metric_named(one.name).unit if one.kind == "metric" else "count"
        title = metric_named(one.name).title if one.kind == "metric" else one.name
        process = source.names.processes.get(one.id) if one.kind == "metric" else None
        of = f" · {process.name} ({process.pid})" if process is not None else f" · #{one.id}" if one.id else ""
        first, last, rate = (figure_text(value, unit) for value in (one.first, one.last, one.per_minute))
        if first == last:
            continue
        detail = f"{first} → {last}, +{rate} a minute, {one.steadiness:.0%} even{of}"
        kind, at = ("value", keys.get(one.name, 0)) if one.kind == "value" else ("figure", one.id)
        rows.append(BoxRow(kind=kind, title=title, detail=detail, id=at, time_ns=one.last_ns))
    return rows


def _exception(one: SeenException, names: Names) -> BoxRow:
    function, again = names.site(one.site_id), f"{count_text(one.count)} times" if one.count > 1 else "once"
    title, where = one.type.removeprefix("builtins."), f"{again} in {function}"
    if not title:  # an older Python does not tell the type
        title, where = f"exception in {function}", again
    detail = f"{where} · {_place(names, one.site_id)}"
    return BoxRow(kind="exception", title=title, detail=detail, id=one.first_event_id, time_ns=one.first_ns)


def _place(names: Names, site_id: int) -> str:
    row = names.sites.get(site_id)
    return "" if row is None else short_place(row)


def _has_words(row: BoxRow, text: str) -> bool:
    said = f"{row.title} {row.detail}".casefold()
    return all(word in said for word in text.casefold().split())
