"""The box finds what the session has of a name, at once; the figures beside it are those of all its calls."""

from __future__ import annotations

from collections import Counter

from tests.scope_gui.window.test_effects import Desk, has_frame
from tests.sessions import FUNCTIONS, Truth
from views.loop import events as e
from views.loop.state import Assigns, BoxRow, Shows
from views.words.figures import count_text

PUT = FUNCTIONS.index("Store.put") + 1


def shown(desk: Desk, shows: Shows = "", text: str = "") -> tuple[BoxRow, ...]:
    """What the box shows once everything has been counted."""
    desk.do(e.OpenBox(shows=shows), until=lambda now: now.box.figures > 0)
    desk.do(e.LookFor(text=text, shows=shows), until=lambda now: now.box.answers == (text, shows))
    return desk.do(until=lambda now: now.box.answers == (text, shows) and not desk.store.has_waiting).box.rows


def test_a_name_is_found_with_the_figures_of_its_calls(desk: Desk, truth: Truth) -> None:
    first = shown(desk, text="put")[0]
    assert (first.kind, first.title, first.id, first.marks) == ("function", "Store.put", PUT, ((6, 9),))
    calls = sum(row["site_id"] == PUT for row in truth.tables["calls"].to_pylist())
    assert first.detail.startswith(f"{count_text(calls)} calls, ")


def test_lists_are_ordered_by_what_they_are_named_for(desk: Desk, truth: Truth) -> None:
    rows = truth.tables["calls"].to_pylist()
    counted = Counter(row["site_id"] for row in rows)
    called = shown(desk, "most called")
    assert [counted[row.id] for row in called] == sorted(counted.values(), reverse=True)
    longest: dict[int, int] = {}
    for row in rows:
        if row["end_ns"] is not None:
            longest[row["site_id"]] = max(longest.get(row["site_id"], 0), row["end_ns"] - row["start_ns"])
    half_ns = int(truth.events.time_ns[-1] - truth.events.time_ns[0]) // 2
    slow = [row for row in shown(desk, "slowest") if "runs for" not in row.detail]
    lengths = [longest[row.id] for row in slow]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] <= half_ns
    errors = shown(desk, "errors")
    assert {row.title for row in errors} == {"KeyError"}
    assert shown(desk, "errors", "nowhere") == ()


def test_what_is_gone_to_is_picked_and_offered_again(desk: Desk, truth: Truth) -> None:
    [put, *_] = shown(desk, text="store.put")
    gone = desk.do(e.GoTo(row=put), e.CloseBox(), until=lambda now: has_frame(now) and now.cursor_ns > 1_000)
    calls = sorted(row["start_ns"] for row in truth.tables["calls"].to_pylist() if row["site_id"] == PUT)
    assert gone.cursor_ns == calls[0]
    assert gone.selection is not None
    assert (gone.selection.kind, gone.selection.id) == ("site", PUT)
    assert [row.title for row in gone.box.recent] == ["Store.put"]
    assert not gone.box.is_open


def test_a_value_leads_to_its_last_write_up_to_the_cursor(desk: Desk, truth: Truth) -> None:
    [row, *_] = shown(desk, text="orders.stock")
    assert row.kind == "value"
    writes = truth.tables["states"].to_pylist()
    end_ns = int(truth.events.time_ns[-1])
    desk.do(e.SeekTo(time_ns=end_ns), until=has_frame)
    gone = desk.do(e.GoTo(row=row), until=lambda now: now.selection is not None)
    assert gone.selection is not None
    last = max((one for one in writes if one["key"] == "stock"), key=lambda one: int(one["time_ns"]))
    assert (gone.selection.kind, gone.selection.id, gone.cursor_ns) == ("state", last["version_id"], last["time_ns"])


def test_threads_exceptions_and_times_are_gone_to(desk: Desk, truth: Truth) -> None:
    thread = next(row for row in shown(desk, text="worker-3") if row.kind == "thread")
    assert desk.do(e.GoTo(row=thread), until=lambda now: now.focus_track_id == 3).focus_track_id == 3
    error = shown(desk, "errors")[0]

    def is_there(now: Assigns) -> bool:
        return now.selection is not None and now.selection.kind == "event"

    gone = desk.do(e.GoTo(row=error), until=is_there)
    assert (gone.cursor_ns, gone.selection and gone.selection.id) == (error.time_ns, error.id)
    time = next(row for row in shown(desk, text="50%") if row.kind == "time")
    start_ns, end_ns = int(truth.events.time_ns[0]), int(truth.events.time_ns[-1])
    middle_ns = desk.do(e.GoTo(row=time), until=lambda now: now.cursor_ns != gone.cursor_ns).cursor_ns
    assert start_ns < middle_ns < end_ns


def test_answers_for_what_is_not_typed_any_more_are_dropped(desk: Desk) -> None:
    shown(desk, text="put")
    before = desk.store.assigns
    assert before.session is not None
    late = e.BoxFound(key=before.session.key, text="pu", shows="", rows=())
    assert desk.do(late).box == before.box
