"""What the inspector's pages say, counted beside the window, is what the command line says of the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from capture.session.session import Session
from tests.scope_command import scope_here
from tests.scope_gui.window.test_effects import Desk, has_frame
from tests.sessions import FUNCTIONS, Truth, build_session
from tests.views.windows import after, opened
from views.inspector import tree_lines
from views.inspector.asking import wanted
from views.inspector.figures import FunctionFigures, StretchFigures, TreeFigures
from views.inspector.state import InspectorState, SetByThread, ToggleCalls
from views.loop import events as e
from views.loop.state import Assigns, Selection
from views.loop.stretch import PickStretch

PUT = FUNCTIONS.index("Store.put") + 1


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    return build_session(tmp_path / "orders.scope", events=3_000, tracks=3, segments=4)


def own(assigns: Assigns) -> InspectorState:
    return assigns.of(InspectorState)


def stretch_of(truth: Truth) -> tuple[int, int]:
    with Session.open(truth.path) as session:
        length_ns = session.end_ns - session.start_ns
        return session.start_ns + length_ns // 5, session.end_ns - length_ns // 3


def function_of(desk: Desk, *events: e.Event, stretch_ns: tuple[int, int] | None = None) -> FunctionFigures:
    def is_there(now: Assigns) -> bool:
        facts, is_fresh = own(now).page_facts(now.selection)
        if not isinstance(facts, FunctionFigures) or not is_fresh:
            return False
        return facts.stretch_ns == stretch_ns and bool(facts.begun)

    found = own(desk.do(*events, until=is_there)).facts
    assert isinstance(found, FunctionFigures)
    return found


def told(*words: object) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(scope_here([str(word) for word in words]).stdout)
    return said


def between(range_ns: tuple[int, int]) -> list[str]:
    return ["--range", f"{range_ns[0]}ns..{range_ns[1]}ns"]


def test_the_page_of_a_function_agrees_with_the_verb_calls(desk: Desk, truth: Truth) -> None:
    stretch_ns = stretch_of(truth)
    for wanted_ns in (None, stretch_ns):
        pick = PickStretch(range_ns=wanted_ns)
        found = function_of(desk, pick, e.Select(selection=Selection("site", PUT)), stretch_ns=wanted_ns)
        verb = told("calls", truth.path, "Store.put", "--json", *(between(wanted_ns) if wanted_ns else []))
        assert list(found.range_ns) == verb["range_ns"]
        assert json.loads(msgspec.json.encode(found.row)) == verb["function"]
        assert sum(count for *_, count in found.bins) == sum(one["calls"] for one in verb["durations"])
        for name, related in (("threads", found.threads), ("callers", found.callers), ("callees", found.callees)):
            assert [(one.id, one.calls, one.total_ns) for one in related] == [
                (one["id"], one["calls"], one["total_ns"]) for one in verb[name]
            ]
        assert found.row is not None
        rows = [row for row in truth.tables["calls"].to_pylist() if row["site_id"] == PUT]
        low_ns, high_ns = found.range_ns
        assert sum(found.begun) == sum(low_ns <= row["start_ns"] <= high_ns for row in rows)


def test_a_bar_leads_through_all_calls_that_took_as_long_and_the_function_stays_picked(
    desk: Desk, truth: Truth
) -> None:
    found = function_of(desk, e.Select(selection=Selection("site", PUT)))
    low_ns, below_ns, count = next(one for one in found.bins if 2 < one[2] < 12)
    rows = [row for row in truth.tables["calls"].to_pylist() if row["site_id"] == PUT and row["end_ns"] is not None]
    expected = sorted(row["start_ns"] for row in rows if low_ns <= row["end_ns"] - row["start_ns"] < below_ns)
    assert len(expected) == count
    event = e.GoToCall(which="next", site_id=PUT, lasting_ns=(low_ns, below_ns), stays=True)
    for start_ns in [*expected, expected[0]]:
        shown = desk.do(event, until=lambda now: now.cursor_ns == start_ns and has_frame(now))  # noqa: B023
        assert shown.selection is not None
        assert (shown.selection.kind, shown.selection.id) == ("site", PUT)
    shown = desk.do(until=lambda now: now.notice is not None)
    assert shown.notice is not None
    assert shown.notice.text == "No call of Store.put that took as long after this one; here is its first."


def test_in_a_picked_stretch_the_ways_go_around_inside_of_it(desk: Desk, truth: Truth) -> None:
    low_ns, high_ns = stretch_of(truth)
    desk.do(PickStretch(range_ns=(low_ns, high_ns)), e.Select(selection=Selection("site", PUT)))
    rows = [row for row in truth.tables["calls"].to_pylist() if row["site_id"] == PUT]
    inside = sorted(row["start_ns"] for row in rows if low_ns <= row["start_ns"] <= high_ns)
    desk.do(e.SeekTo(time_ns=high_ns + 1), until=has_frame)
    for which, start_ns in (("next", inside[0]), ("previous", inside[-1]), ("next", inside[0])):
        desk.do(
            e.GoToCall(which=which, site_id=PUT, stays=True),  # type: ignore[arg-type]
            until=lambda now: now.cursor_ns == start_ns and has_frame(now),  # noqa: B023
        )


def summary_of(desk: Desk, *events: e.Event) -> StretchFigures:
    found = own(desk.do(*events, until=lambda now: own(now).stretch is not None)).stretch
    assert found is not None
    return found


def test_the_page_of_a_stretch_agrees_with_the_verbs_summary_and_top(desk: Desk, truth: Truth) -> None:
    stretch_ns = stretch_of(truth)
    found = summary_of(desk, PickStretch(range_ns=stretch_ns))
    verb = told("summary", truth.path, "--json", *between(stretch_ns))
    assert (list(found.stretch_ns), found.calls) == (verb["range_ns"], verb["calls"])
    assert [(one.track_id, one.calls, one.busy_ns) for one in found.threads] == [
        (one["track_id"], one["calls"], one["busy_ns"]) for one in verb["threads"]
    ]
    assert [(one.type, one.function, one.count) for one in found.exceptions] == [
        (one["type"], one["function"], one["count"]) for one in verb["exceptions"]
    ]
    assert [list(one) for one in found.written] == [[one["name"], one["changes"]] for one in verb["written"]]
    assert [list(one) for one in found.moved] == [[one["name"], one["first"], one["last"]] for one in verb["metrics"]]
    for by, rows in (("own", found.by_own), ("total", found.by_total)):
        top = told("top", truth.path, "--json", "--by", by, "--limit", len(rows), *between(stretch_ns))
        assert json.loads(msgspec.json.encode(rows)) == top["functions"]
    assert found.calls == sum(
        row["calls"] for row in told("top", truth.path, "--json", "--limit", 0, *between(stretch_ns))["functions"]
    )


def tree_of(desk: Desk, *events: e.Event, by_thread: bool) -> TreeFigures:
    def is_there(now: Assigns) -> bool:
        tree = own(now).tree
        return tree is not None and (tree.by_thread, tree.toggled) == (by_thread, own(now).toggled)

    found = own(desk.do(*events, until=is_there)).tree
    assert found is not None
    return found


def test_the_call_tree_opened_line_by_line_agrees_with_the_verb_tree(
    desk: Desk, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_lines, "MOST_LINES", 1 << 20)
    stretch_ns = stretch_of(truth)
    desk.do(PickStretch(range_ns=stretch_ns))
    for by_thread in (False, True):
        found = tree_of(desk, SetByThread(by_thread=by_thread), by_thread=by_thread)
        while shut := [row for row in found.rows if row.has_more and not row.is_open]:
            found = tree_of(desk, *(ToggleCalls(path=row.path) for row in shut), by_thread=by_thread)
        assert found.left_out == 0
        words = ["--by-thread"] if by_thread else []
        verb = told("tree", truth.path, "--json", "--least", "0", *words, *between(stretch_ns))
        assert found.total_ns == verb["total_ns"]
        assert [(row.level, row.name, row.calls, row.total_ns, row.own_ns) for row in found.rows] == [
            (one["level"], one["function"], one["calls"], one["total_ns"], one["own_ns"]) for one in verb["nodes"]
        ]


def test_what_grows_is_counted_again_only_once_there_is_much_more_of_it() -> None:
    picked = after(opened(live=True), e.Select(selection=Selection("site", PUT)))
    second_ns = 1_000_000_000
    asked = []
    for end_ns in range(second_ns, 61 * second_ns, second_ns // 10):
        picked = msgspec.structs.replace(picked, range_ns=(0, end_ns))
        asked.append(wanted(picked))
    assert 10 < len(set(asked)) < 40
    fixed = msgspec.structs.replace(picked, stretch_ns=(0, second_ns))
    assert wanted(fixed) == wanted(msgspec.structs.replace(fixed, range_ns=(0, 99 * second_ns)))
    assert wanted(after(picked, e.Select(selection=None))) is None
