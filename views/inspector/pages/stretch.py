"""The page of a picked stretch of time: what it came to, and the call tree in it.

    length     1.24 s                       show it  let go
    calls      12 041 of 38 functions
    By own time                    calls      own     total
    Store.put                      4 100    1.2 s     1.3 s
    Threads                        calls     busy
    worker-1                       4 100     81 %
    Call tree, all threads         calls    total     of it
    ▾ <module>                         1    1.2 s     100 %
      ▸ main                           1    1.2 s     100 %

Pure, no Qt. Lists have at most as many rows as there is room for, and say how many more there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capture.events.metrics import metric_named
from dags.analyses.function_rows import FunctionRow
from views.inspector.figures import RaisedThere, Stretch, StretchFigures, ThreadFigures, TreeFigures, TreeRow
from views.inspector.pages.function import share_text
from views.inspector.pages.parts import fact
from views.inspector.sections import NAME_LENGTH, Link, Row, Section
from views.inspector.state import InspectorState, SetByThread, ToggleCalls
from views.loop.events import SeekTo, Select, Show, Visit
from views.loop.state import Selection
from views.loop.stretch import PickStretch
from views.words.figures import count_text, duration_text, figure_text
from views.words.plain_text import plain

MOST_THREADS, MOST_RAISED, MOST_WRITTEN = 12, 6, 8
DEEPEST_INDENT = 14


def stretch_sections(stretch_ns: Stretch, own: InspectorState) -> tuple[Section, ...]:
    """The sections about a picked stretch, as far as what was counted is of that one."""
    known = own.stretch if own.stretch is not None and own.stretch.stretch_ns == stretch_ns else None
    tree = own.tree
    lines = tree if tree is not None and (tree.stretch_ns, tree.by_thread) == (stretch_ns, own.by_thread) else None
    found = [Section(key="stretch", title="Stretch", form="facts", rows=tuple(_facts(stretch_ns, known)))]
    if known is not None:
        found += [*_functions(known), *_threads(known), *_exceptions(known), *_written(known), *_moved(known)]
    if known is None or known.calls:
        found.append(_tree(lines, by_thread=own.by_thread))
    return tuple(found)


def short_stretch(stretch_ns: Stretch) -> Section:
    """What stands above the page of something else while a stretch is picked."""
    links = (Link("its page", Select(selection=None)), Link("let go", PickStretch(range_ns=None)))
    row = fact("length", "length", duration_text(stretch_ns[1] - stretch_ns[0]), *links)
    return Section(key="stretch", title="Stretch", form="facts", rows=(row,))


def _facts(stretch_ns: Stretch, figures: StretchFigures | None) -> Iterator[Row]:
    start_ns, end_ns = stretch_ns
    show, let_go = Link("show it", Show(range_ns=stretch_ns)), Link("let go", PickStretch(range_ns=None))
    yield fact("length", "length", duration_text(end_ns - start_ns), show, let_go)
    for word, at_ns in (("from", start_ns), ("to", end_ns)):
        yield fact(word, word, duration_text(at_ns), Link("go there", SeekTo(time_ns=at_ns, visit=True)))
    if figures is None:
        yield Row(key="words", label="Counting what happened in it …")
        return
    cut = f" · {count_text(figures.cut)} cut" if figures.cut else ""
    yield fact("calls", "calls", f"{count_text(figures.calls)} of {_functions_of(figures.functions)}{cut}")
    raised = sum(one.count for one in figures.exceptions)
    yield fact("raised", "raised", f"{count_text(raised)} · {count_text(figures.errors)} calls left by one")
    changes = sum(count for _, count in figures.written)
    yield fact("written", "values", f"{count_text(changes)} changes" if changes else "no watched one changed")


def _functions_of(count: int) -> str:
    return "1 function" if count == 1 else f"{count_text(count)} functions"


def _functions(figures: StretchFigures) -> Iterator[Section]:
    for key, title, rows in (("own", "By own time", figures.by_own), ("total", "By total time", figures.by_total)):
        if rows:
            left = figures.functions - len(rows)
            more = f" · {count_text(left)} more" if left > 0 else ""
            yield Section(
                key=f"functions by {key}",
                title=title + more,
                form="table",
                columns=("calls", "own", "total"),
                sorted_by=key,
                rows=tuple(_function(row, rows, key) for row in rows),
            )


def _function(row: FunctionRow, rows: Sequence[FunctionRow], by: str) -> Row:
    value, most = (row.own_ns, rows[0].own_ns) if by == "own" else (row.total_ns, rows[0].total_ns)
    return Row(
        key=str(row.site_id),
        label=plain(row.function, NAME_LENGTH),
        figures=(count_text(row.calls), duration_text(row.own_ns), duration_text(row.total_ns)),
        share=value / max(most, 1),
        leads=Select(selection=Selection("site", row.site_id)) if row.site_id else None,
    )


def _threads(figures: StretchFigures) -> Iterator[Section]:
    if not figures.threads:
        return
    length_ns = max(figures.stretch_ns[1] - figures.stretch_ns[0], 1)
    left = len(figures.threads) - MOST_THREADS
    yield Section(
        key="threads",
        title=f"Threads{f' · {count_text(left)} more' if left > 0 else ''}",
        form="table",
        columns=("calls", "waited", "busy"),
        rows=tuple(_thread(one, length_ns) for one in figures.threads[:MOST_THREADS]),
    )


def _thread(one: ThreadFigures, length_ns: int) -> Row:
    return Row(
        key=str(one.track_id),
        label=plain(one.name, NAME_LENGTH),
        figures=(count_text(one.calls), duration_text(one.waited_ns), share_text(one.busy_ns, length_ns)),
        share=min(one.busy_ns / length_ns, 1.0),
        leads=Select(selection=Selection("track", one.track_id, one.track_id)),
    )


def _exceptions(figures: StretchFigures) -> Iterator[Section]:
    if not figures.exceptions:
        return
    left = len(figures.exceptions) - MOST_RAISED
    yield Section(
        key="exceptions",
        title=f"Exceptions{f' · {count_text(left)} more kinds' if left > 0 else ''}",
        form="table",
        columns=("times",),
        rows=tuple(_raised(one) for one in figures.exceptions[:MOST_RAISED]),
    )


def _raised(one: RaisedThere) -> Row:
    name = one.type.rpartition(".")[2] or "exception"
    return Row(
        key=str(one.event_id),
        label=plain(f"{name} in {one.function}", NAME_LENGTH),
        figures=(count_text(one.count),),
        leads=Visit(time_ns=one.time_ns, selection=Selection("event", one.event_id, one.track_id)),
    )


def _written(figures: StretchFigures) -> Iterator[Section]:
    if not figures.written:
        return
    left = len(figures.written) - MOST_WRITTEN
    rows = tuple(
        Row(key=name, label=plain(name, NAME_LENGTH), figures=(count_text(count),))
        for name, count in figures.written[:MOST_WRITTEN]
    )
    title = f"Values that changed{f' · {count_text(left)} more' if left > 0 else ''}"
    yield Section(key="written", title=title, form="table", columns=("changes",), rows=rows)


def _moved(figures: StretchFigures) -> Iterator[Section]:
    if not figures.moved:
        return
    rows = []
    for name, first, last in figures.moved:
        metric = metric_named(name)
        before = "not sampled" if first is None else figure_text(first, metric.unit)
        rows.append(
            Row(key=name, label=plain(metric.title, NAME_LENGTH), figures=(before, figure_text(last, metric.unit)))
        )
    yield Section(
        key="metrics", title="Figures", form="table", columns=("at its begin", "at its end"), rows=tuple(rows)
    )


def _tree(tree: TreeFigures | None, *, by_thread: bool) -> Section:
    """Its lines, and the words that change what it is of."""
    other = Link("of all together" if by_thread else "of each thread", SetByThread(by_thread=not by_thread))
    title = "Call tree of each thread" if by_thread else "Call tree of all threads"
    head = Row(key="head", label="", links=(other,))
    if tree is None:
        rows: tuple[Row, ...] = (Row(key="words", label="Counting …"),)
    else:
        rows = tuple(_line(row, tree.total_ns) for row in tree.rows)
        if tree.left_out:
            rows = (*rows, Row(key="more", label=f"and {count_text(tree.left_out)} lines more"))
    columns = ("calls", "own", "total")
    return Section(key="tree", title=title, form="table", columns=columns, is_tree=True, rows=(head, *rows))


def _line(row: TreeRow, total_ns: int) -> Row:
    deep = f"{row.level} deep: " if row.level > DEEPEST_INDENT else ""
    thread = f"{row.thread}: " if row.thread else ""
    more = f" (and {count_text(row.left_out)} more callees)" if row.left_out else ""
    errors = f" · {count_text(row.errors)} failed" if row.errors else ""
    return Row(
        key=",".join(map(str, row.path)),
        label=plain(f"{deep}{thread}{row.name}{errors}{more}", NAME_LENGTH),
        figures=(count_text(row.calls), duration_text(row.own_ns), duration_text(row.total_ns)),
        share=min(row.total_ns / max(total_ns, 1), 1.0),
        level=min(row.level, DEEPEST_INDENT),
        opens=ToggleCalls(path=row.path) if row.has_more else None,
        is_open=row.is_open,
        leads=Select(selection=Selection("site", row.site_id)) if row.site_id else None,
    )
