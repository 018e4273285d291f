"""The page of a function: what it says of its calls, and where each word and bar leads."""

from __future__ import annotations

import msgspec

from dags.analyses.function_rows import FunctionRow
from tests.views.frames import frame
from views.inspector.figures import FunctionFigures, Related
from views.inspector.pages.function import counting, sections
from views.inspector.sections import Row, Section
from views.loop.events import GoToCall, SeekTo, Select
from views.loop.state import Selection
from views.loop.stretch import PickStretch
from views.words.figures import THIN

MS = 1_000_000
ROW = FunctionRow(
    site_id=7,
    function="Store.put",
    module="orders",
    file="/srv/orders.py",
    line=12,
    calls=1_200,
    cut=1,
    errors=3,
    total_ns=600 * MS,
    own_ns=150 * MS,
    longest_ns=40 * MS,
    longest_call_id=99,
    longest_is_cut=False,
    shortest_ns=1 * MS,
    median_ns=2 * MS,
    p95_ns=6 * MS,
    first_ns=10 * MS,
    first_call_id=5,
    last_ns=900 * MS,
    last_call_id=1_400,
)
FIGURES = FunctionFigures(
    site_id=7,
    stretch_ns=None,
    range_ns=(0, 1_000 * MS - 1),
    row=ROW,
    bins=((1 * MS, 2 * MS, 400), (2 * MS, 4 * MS, 0), (4 * MS, 8 * MS, 100)),
    begun=(4, 0, 1, 0),
    threads=(Related(2, "worker-1", 800, 400 * MS), Related(3, "worker-2", 400, 200 * MS)),
    callers=(Related(4, "serve", 1_199, 599 * MS), Related(0, "no recorded function", 1, MS)),
    callees=(Related(9, "log", 50, 300 * MS),),
)


def named(figures: FunctionFigures, time_ns: int = 0) -> dict[str, Section]:
    return {section.key: section for section in sections(figures, frame(time_ns))}


def row(section: Section, key: str) -> Row:
    return next(row for row in section.rows if row.key == key)


def said(section: Section, key: str) -> str:
    return "".join(piece.text for piece in row(section, key).pieces).replace(THIN, " ")


def test_it_says_what_the_calls_came_to_and_leads_to_them() -> None:
    calls = named(FIGURES)["calls"]
    assert calls.title.replace(THIN, " ") == "Its calls in the recording of 1 s"
    assert said(calls, "calls") == "1 200, 1 not whole"
    assert said(calls, "total") == "600 ms · 60 % of the time"
    assert said(calls, "own") == "150 ms · 25 % of the total"
    assert said(calls, "median") == "2 ms · 95 % within 6 ms"
    assert said(calls, "failed") == "3 left by an exception"
    assert said(calls, "waited") == "not captured"
    leads = {link.text: link.event for line in calls.rows for link in line.links if line.key in ("calls", "longest")}
    assert leads == {which: GoToCall(which=which, site_id=7, stays=True) for which in ("previous", "next", "longest")}
    assert row(calls, "failed").links[0].event == GoToCall(which="next", site_id=7, raised=True, stays=True)
    assert row(calls, "last").links[0].event == SeekTo(time_ns=900 * MS, visit=True)


def test_a_bar_leads_to_calls_that_took_as_long_and_an_empty_one_nowhere() -> None:
    chart = named(FIGURES)["durations"].chart
    assert chart is not None
    assert [bar.share for bar in chart.bars] == [1.0, 0.0, 0.5]
    assert chart.bars[2].says.replace(THIN, " ") == "100 calls took 4 ms to 8 ms"
    assert chart.bars[2].event == GoToCall(which="next", site_id=7, lasting_ns=(4 * MS, 8 * MS), stays=True)
    assert chart.bars[1].event is None
    assert [round(mark.at, 3) for mark in chart.marks] == [round(1 / 3, 3), round(2.5 / 3, 3)]
    assert [end.replace(THIN, " ") for end in chart.ends] == ["1 ms", "8 ms"]


def test_the_strip_has_the_cursor_and_leads_to_the_first_call_of_a_part() -> None:
    chart = named(FIGURES, 500 * MS)["over time"].chart
    assert chart is not None
    assert [bar.share for bar in chart.bars] == [1.0, 0.0, 0.5, 0.0]
    assert chart.bars[2].event == GoToCall(which="next", site_id=7, from_ns=500 * MS, stays=True)
    assert chart.cursor == 0.5
    outside = named(FIGURES, 2_000 * MS)["over time"].chart
    assert outside is not None
    assert outside.cursor is None


def test_the_strip_has_its_place_before_it_is_counted() -> None:
    told = named(msgspec.structs.replace(FIGURES, begun=()))
    assert list(told) == list(named(FIGURES))
    chart = told["over time"].chart
    assert chart is not None
    assert chart.bars == ()


def test_threads_callers_and_callees_are_lists_that_lead_on() -> None:
    told = named(FIGURES)
    threads, callers = told["threads"], told["callers"]
    assert threads.columns == ("calls", "total", "of it")
    assert [tuple(text.replace(THIN, " ") for text in one.figures) for one in threads.rows] == [
        ("800", "400 ms", "67 %"),
        ("400", "200 ms", "33 %"),
    ]
    assert threads.rows[0].leads == Select(selection=Selection("track", 2, 2))
    assert [one.leads for one in callers.rows] == [Select(selection=Selection("site", 4)), None]
    assert told["callees"].rows[0].share == 0.5


def test_it_says_what_is_not_known_yet_and_what_did_not_run() -> None:
    assert counting().rows[0].label == "Counting its calls …"
    [quiet] = sections(FunctionFigures(site_id=7, stretch_ns=None, range_ns=(0, 9), row=None), frame(0))
    assert quiet.rows[0].label == "No call of it in this recording"
    inside = FunctionFigures(site_id=7, stretch_ns=(2, 5), range_ns=(2, 5), row=None)
    [quiet] = sections(inside, frame(0))
    assert (quiet.rows[0].label, quiet.rows[0].links[0].event) == (
        "No call of it in the picked stretch",
        PickStretch(range_ns=None),
    )
    told = named(msgspec.structs.replace(FIGURES, untold=1_234))["callers"].title.replace(THIN, " ")
    assert told == "Called by · 1 234 calls too deep to say"
