"""The page of a function: what its calls came to, how long they take, when it was called, by whom, and what it calls.

    calls      4 120                        previous  next
    longest    12.3 ms                      longest
    How long they take          ▂▅█▇▃▁ ▁
    Called by                      calls    total
    Service.handle                 4 100    1.2 s

Pure, no Qt. A bar leads to the next call that took as long, a part of the strip to the first one begun in it; the
function stays picked, so that the next press leads on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from dags.analyses.function_rows import FunctionRow
from dags.frame_parts import Frame
from views.inspector.figures import FunctionFigures, Related
from views.inspector.pages.parts import fact
from views.inspector.sections import NAME_LENGTH, Bar, Chart, Link, Row, Section, SectionMark
from views.loop.events import Event, GoToCall, SeekTo, Select
from views.loop.state import Selection
from views.loop.stretch import PickStretch
from views.words.figures import calls_text, count_text, duration_text, short_count
from views.words.plain_text import plain

COLUMNS = ("calls", "total", "of it")


def sections(facts: FunctionFigures, frame: Frame) -> tuple[Section, ...]:
    """The sections about a function's calls, with the cursor's moment in the strip."""
    if facts.row is None:
        where = "in the picked stretch" if facts.stretch_ns else "in this recording"
        return (_only(f"No call of it {where}", *_whole(facts)),)
    row = facts.row
    return (
        Section(key="calls", title=_title(facts), form="facts", rows=tuple(_facts(row, facts))),
        *([_durations(facts, row)] if facts.bins else []),
        _over_time(facts, frame.time_ns),
        *_related("threads", "Threads that ran it", facts.threads, row.total_ns),
        *_related("callers", f"Called by{_untold(facts)}", facts.callers, row.total_ns),
        *_related("callees", "What it calls", facts.callees, row.total_ns),
    )


def counting() -> Section:
    """What stands there until it is known."""
    return _only("Counting its calls …")


def _only(words: str, *links: Link) -> Section:
    return Section(key="calls", title="Its calls", form="facts", rows=(Row(key="words", label=words, links=links),))


def _title(figures: FunctionFigures) -> str:
    start_ns, end_ns = figures.range_ns
    what = "the picked stretch" if figures.stretch_ns else "the recording"
    return f"Its calls in {what} of {duration_text(end_ns - start_ns)}"


def _whole(figures: FunctionFigures) -> tuple[Link, ...]:
    return (Link("in all", PickStretch(range_ns=None)),) if figures.stretch_ns else ()


def _facts(row: FunctionRow, figures: FunctionFigures) -> Iterator[Row]:
    site_id, length_ns = row.site_id, max(figures.range_ns[1] - figures.range_ns[0], 1)
    previous, following, longest = (
        Link(which, GoToCall(which=which, site_id=site_id, stays=True)) for which in ("previous", "next", "longest")
    )
    cut = f", {count_text(row.cut)} not whole" if row.cut else ""
    yield fact("calls", "calls", f"{count_text(row.calls)}{cut}", *_whole(figures), previous, following)
    rate = short_count(row.calls / length_ns * 1e9)
    yield fact("rate", "rate", f"{rate} calls a second on average")
    yield fact("total", "total", f"{duration_text(row.total_ns)} · {share_text(row.total_ns, length_ns)} of the time")
    yield fact("own", "own", f"{duration_text(row.own_ns)} · {share_text(row.own_ns, row.total_ns)} of the total")
    so_far = ", not whole" if row.longest_is_cut else ""
    yield fact("longest", "longest", f"{duration_text(row.longest_ns)}{so_far}", longest)
    if row.median_ns is not None and row.p95_ns is not None and row.shortest_ns is not None:
        yield fact("median", "median", f"{duration_text(row.median_ns)} · 95 % within {duration_text(row.p95_ns)}")
        yield fact("shortest", "shortest", duration_text(row.shortest_ns))
    failed = (Link("next", GoToCall(which="next", site_id=site_id, raised=True, stays=True)),) if row.errors else ()
    said = f"{count_text(row.errors)} left by an exception" if row.errors else "none left by an exception"
    yield fact("failed", "failed", said, *failed)
    yield fact("waited", "waited", row.waited)
    for word, at_ns in (("first", row.first_ns), ("last", row.last_ns)):
        yield fact(word, word, f"at {duration_text(at_ns)}", Link("go there", SeekTo(time_ns=at_ns, visit=True)))


def _durations(figures: FunctionFigures, row: FunctionRow) -> Section:
    """Bars by how long calls took, each doubling as wide; as high as the root of their number, for one slow call of a
    million to be seen.
    """
    most = max(count for *_, count in figures.bins)
    bars = tuple(
        Bar(
            math.sqrt(count / most),
            f"{calls_text(count)} took {duration_text(low_ns)} to {duration_text(below_ns)}",
            _that_long(figures.site_id, (low_ns, below_ns)) if count else None,
        )
        for low_ns, below_ns, count in figures.bins
    )
    marks = tuple(
        SectionMark(_place(figures, ns), text)
        for ns, text in ((row.median_ns, "median"), (row.p95_ns, "95 %"))
        if ns is not None
    )
    ends = duration_text(figures.bins[0][0]), duration_text(figures.bins[-1][1])
    title = "How long they take · heights by root"
    return Section(key="durations", title=title, chart=Chart(bars=bars, ends=ends, marks=marks))


def _that_long(site_id: int, lasting_ns: tuple[int, int]) -> Event:
    return GoToCall(which="next", site_id=site_id, lasting_ns=lasting_ns, stays=True)


def _place(figures: FunctionFigures, ns: int) -> float:
    """Where a duration is between the first bar's left end and the last one's right end.

    Inside of a bar it is where it would be on a scale of its own.
    """
    for at, (low_ns, below_ns, _) in enumerate(figures.bins):
        if ns < below_ns:
            return (at + max(0.0, (ns - low_ns) / max(below_ns - low_ns, 1))) / len(figures.bins)
    return 1.0


def _over_time(figures: FunctionFigures, time_ns: int) -> Section:
    """The strip: how many calls began in each part of the stretch, and the cursor."""
    start_ns, end_ns = figures.range_ns
    most, parts, length_ns = max((*figures.begun, 1)), len(figures.begun), end_ns - start_ns + 1
    bars = []
    for at, count in enumerate(figures.begun):
        from_ns = start_ns - (-at * length_ns // parts)
        says = f"{calls_text(count)} began from {duration_text(from_ns)} on"
        event = GoToCall(which="next", site_id=figures.site_id, from_ns=from_ns, stays=True) if count else None
        bars.append(Bar(math.sqrt(count / most), says, event))
    cursor = (time_ns - start_ns) / length_ns
    chart = Chart(
        bars=tuple(bars),
        ends=(duration_text(start_ns), duration_text(end_ns)),
        cursor=cursor if 0 <= cursor <= 1 else None,
    )
    return Section(key="over time", title="When they began", chart=chart)


def _related(key: str, title: str, found: tuple[Related, ...], of_ns: int) -> Iterator[Section]:
    """A list of threads or functions with what of the function's total they have."""
    if not found:
        return
    is_thread = key == "threads"
    rows = tuple(
        Row(
            key=f"{one.id}:{one.name}",
            label=plain(one.name, NAME_LENGTH),
            figures=(count_text(one.calls), duration_text(one.total_ns), share_text(one.total_ns, of_ns)),
            share=min(one.total_ns / max(of_ns, 1), 1.0),
            leads=Select(selection=_picked(one.id, is_thread=is_thread)) if one.id else None,
        )
        for one in found
    )
    yield Section(key=key, title=title, form="table", columns=COLUMNS, rows=rows)


def _picked(id_: int, *, is_thread: bool) -> Selection:
    return Selection("track", id_, id_) if is_thread else Selection("site", id_)


def _untold(figures: FunctionFigures) -> str:
    return f" · {count_text(figures.untold)} calls too deep to say" if figures.untold else ""


def share_text(part: int, whole: int) -> str:
    """A share in percent, two digits of it where it is small.

    >>> share_text(1, 3), share_text(1, 300), share_text(0, 5), share_text(5, 5), share_text(1, 0)
    ('33 %', '0.33 %', '0 %', '100 %', '-')
    """
    if whole <= 0:
        return "-"
    share = 100 * part / whole
    return f"{share:.0f} %" if share >= 9.5 or not share else f"{share:.1f} %" if share >= 0.95 else f"{share:.2g} %"
