"""Counts what the inspector says of a function and of a picked stretch: the first time it may take seconds. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from msgspec.structs import replace

from capture.session.session import Session
from dags.analyses.call_finder import begun_over_time
from dags.analyses.call_tree import CallTree, call_tree
from dags.analyses.function_neighbours import Neighbour, function_neighbours
from dags.analyses.function_rows import function_rows
from dags.analyses.function_statistics import FunctionStatistics, function_statistics
from dags.analyses.stretch_summary import StretchSummary, stretch_summary
from views.inspector.figures import (
    FunctionFigures,
    RaisedThere,
    Related,
    Stretch,
    StretchFigures,
    ThreadFigures,
    TreeFigures,
)
from views.inspector.state import InspectorState, StretchCounted, TreeCounted
from views.inspector.tree_lines import tree_lines
from views.loop.state import Assigns, Selection
from views.reading.questions import Asked
from views.reading.source import Names

PARTS = 90
"""Of the strip that says when a function was called."""
MOST_BINS = 40
MOST_RELATED, MOST_FUNCTIONS = 12, 7
_TREE = "call tree"


class _Tree(NamedTuple):
    """A tree, and what it is of."""

    stretch_ns: Stretch
    by_thread: bool
    events: int
    tree: CallTree


def wanted_stretch(assigns: Assigns) -> object:
    """The picked stretch."""
    if assigns.session is None or assigns.stretch_ns is None:
        return None
    return assigns.session.key, assigns.stretch_ns


def wanted_tree(assigns: Assigns) -> object:
    """The picked stretch, and what is seen of its tree."""
    own, stretch = assigns.of(InspectorState), wanted_stretch(assigns)
    return None if stretch is None else (stretch, own.by_thread, own.toggled)


def function(asked: Asked, picked: Selection) -> Iterator[FunctionFigures]:
    """The facts of a function, in the picked stretch or in all that is recorded."""
    session, stretch_ns, site_id = asked.source.session, asked.assigns.stretch_ns, picked.id
    assert session is not None
    range_ns = stretch_ns or (session.start_ns, session.end_ns)
    found = function_statistics(session, range_ns, reads_on=asked.reads_on)
    row, names = found.row_of(site_id), asked.source.names
    if row is None:
        yield FunctionFigures(site_id=site_id, stretch_ns=stretch_ns, range_ns=range_ns, row=None)
        return
    around = function_neighbours(session, site_id, range_ns, reads_on=asked.reads_on)
    figures = FunctionFigures(
        site_id=site_id,
        stretch_ns=stretch_ns,
        range_ns=range_ns,
        row=function_rows(found, names.sites, [row])[0],
        bins=_bins(found, row),
        threads=tuple(_related(one, names.track(one.id)) for one in around.threads[:MOST_RELATED]),
        callers=_functions(around.callers, names),
        callees=_functions(around.callees, names),
        untold=around.untold,
    )
    yield figures  # all but the strip, for which calls are read one by one
    begun = begun_over_time(session, site_id, range_ns, PARTS, reads_on=asked.reads_on)
    yield replace(figures, begun=tuple(begun.tolist()))


def count_stretch(asked: Asked) -> Iterator[StretchCounted]:
    """What the picked stretch came to."""
    session, stretch_ns = asked.source.session, asked.assigns.stretch_ns
    if session is None or stretch_ns is None:
        return
    found = stretch_summary(session, stretch_ns, reads_on=asked.reads_on)
    yield StretchCounted(key=asked.key, figures=stretch_figures(found, asked.source.names))


def count_tree(asked: Asked) -> Iterator[TreeCounted]:
    """The lines of the call tree of the picked stretch; opening one of them counts nothing anew."""
    session, stretch_ns, own = asked.source.session, asked.assigns.stretch_ns, asked.assigns.of(InspectorState)
    if session is None or stretch_ns is None:
        return
    known = _tree_of(asked, session, stretch_ns, by_thread=own.by_thread)
    rows, left_out = tree_lines(known, own.toggled, asked.source.names)
    figures = TreeFigures(
        stretch_ns=stretch_ns,
        by_thread=own.by_thread,
        toggled=own.toggled,
        rows=rows,
        left_out=left_out,
        total_ns=int(known.total_ns[known.roots()].sum()),
    )
    yield TreeCounted(key=asked.key, figures=figures)


def stretch_figures(found: StretchSummary, names: Names) -> StretchFigures:
    """The summary of a stretch with names, as far as a page has room."""
    functions = found.functions
    by_own, by_total = (
        tuple(function_rows(functions, names.sites, functions.ranked(by)[:MOST_FUNCTIONS].tolist()))
        for by in ("own", "total")
    )
    return StretchFigures(
        stretch_ns=found.range_ns,
        calls=found.calls,
        cut=int(functions.cut.sum()),
        errors=int(functions.errors.sum()),
        functions=len(functions),
        by_own=by_own,
        by_total=by_total,
        threads=tuple(
            ThreadFigures(one.track_id, names.track(one.track_id), one.calls, one.busy_ns, one.waited_ns)
            for one in found.threads
        ),
        exceptions=tuple(
            RaisedThere(one.type, names.site(one.site_id), one.count, one.first_event_id, one.first_ns, one.track_id)
            for one in found.exceptions
        ),
        written=tuple((one.name, one.changes) for one in found.written),
        moved=tuple((one.name, one.first, one.last) for one in found.moved),
    )


def _tree_of(asked: Asked, session: Session, stretch_ns: Stretch, *, by_thread: bool) -> CallTree:
    """Kept, since each line that is opened asks for it again."""
    answers, events = asked.source.kept_answers, session.manifest.counts.recorded
    known = answers.get(_TREE)
    if known is None or known[:3] != (stretch_ns, by_thread, events):
        tree = call_tree(session, stretch_ns, by_track=by_thread, reads_on=asked.reads_on)
        known = answers[_TREE] = _Tree(stretch_ns, by_thread, events, tree)
    found: CallTree = known.tree
    return found


def _bins(found: FunctionStatistics, row: int) -> tuple[tuple[int, int, int], ...]:
    """As many to a doubling as there is room for."""
    for per_doubling in (8, 4, 2, 1):
        parts = found.distribution(row, per_doubling)
        if len(parts[0]) <= MOST_BINS:
            break
    return tuple(zip(*(part.tolist() for part in parts), strict=True))


def _functions(found: Iterable[Neighbour], names: Names) -> tuple[Related, ...]:
    return tuple(_related(one, names.site(one.id) if one.id > 0 else "no recorded function") for one in found)[
        :MOST_RELATED
    ]


def _related(one: Neighbour, name: str) -> Related:
    return Related(max(one.id, 0), name, one.calls, one.total_ns)
