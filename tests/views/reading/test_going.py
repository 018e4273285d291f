"""Keys lead to the calls and exceptions that a list of all of them says come next, and around at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from capture.events.definitions import ProcessRow, SiteRow, TrackRow
from capture.events.kinds import Kind
from capture.session.segment_store import SegmentStore
from dags.analyses.exceptions_seen import coming_up
from dags.correlate.sealing import SessionWriter
from tests.scope_gui.window.test_effects import Desk, has_frame
from tests.sessions import FUNCTIONS, Truth
from tests.streams import Event, batch_of
from views.loop import events as e
from views.loop import recording_events as r
from views.loop.state import Assigns, Selection

PUT = FUNCTIONS.index("Store.put") + 1


def calls_of(truth: Truth, site_id: int) -> list[dict[str, Any]]:
    rows = [row for row in truth.tables["calls"].to_pylist() if row["site_id"] == site_id]
    return sorted(rows, key=lambda row: (row["start_ns"], row["call_id"]))


def picked(assigns: Assigns) -> tuple[str, int] | None:
    return None if assigns.selection is None else (assigns.selection.kind, assigns.selection.id)


def go(desk: Desk, event: e.Event) -> Assigns:
    """Until what is picked, or what is said, is another."""
    before = desk.store.assigns

    def is_there(now: Assigns) -> bool:
        return has_frame(now) and (now.selection != before.selection or now.notice != before.notice)

    return desk.do(event, until=is_there)


def test_f3_goes_through_all_calls_of_the_function_on_all_threads_and_around(desk: Desk, truth: Truth) -> None:
    calls = calls_of(truth, PUT)
    assert len({row["track_id"] for row in calls}) > 1
    desk.do(e.Select(selection=Selection("site", PUT)))
    for row in calls:
        shown = go(desk, e.GoToCall(which="next"))
        assert (picked(shown), shown.cursor_ns) == (("call", row["call_id"]), row["start_ns"])
        assert shown.focus_track_id == row["track_id"]
    around = go(desk, e.GoToCall(which="next"))
    shown = desk.do(until=lambda now: picked(now) == ("call", calls[0]["call_id"]) and has_frame(now))
    assert shown.cursor_ns == calls[0]["start_ns"]
    assert around.notice is not None
    assert around.notice.text == "No call of Store.put after this one; here is its first."
    back = go(desk, e.GoToCall(which="previous"))
    assert back.notice is not None
    assert "before this one; here is its last" in back.notice.text


def test_the_longest_call_is_found_and_its_length_is_said(desk: Desk, truth: Truth) -> None:
    calls, end_ns = calls_of(truth, PUT), int(truth.events.time_ns[-1])
    longest = max((end_ns if row["end_ns"] is None else row["end_ns"]) - row["start_ns"] for row in calls)
    desk.do(e.GoToCall(which="longest", site_id=PUT), until=lambda now: now.selection is not None)
    shown = desk.do(until=lambda now: now.notice is not None)
    assert shown.selection is not None
    row = next(row for row in calls if row["call_id"] == shown.selection.id)
    assert (row["end_ns"] or end_ns) - row["start_ns"] == longest
    assert shown.notice is not None
    assert shown.notice.text.startswith("The longest call of Store.put took ")


def test_without_a_picked_function_it_is_said_how_to_pick_one(desk: Desk) -> None:
    shown = go(desk, e.GoToCall(which="next"))
    assert shown.notice is not None
    assert "No function is picked" in shown.notice.text


def test_x_goes_through_all_exceptions_and_around(desk: Desk, truth: Truth) -> None:
    rows = coming_up(truth.events, Kind.UNWIND).tolist()
    assert len(rows) > 3
    for row in rows:
        shown = go(desk, e.GoToException(by=1))
        expected = ("event", truth.events.first_event_id + row)
        if picked(shown) != expected:  # one that leaves its last function in the next segment comes up in each
            shown = go(desk, e.GoToException(by=1))
        assert picked(shown) == expected
        assert shown.cursor_ns == int(truth.events.time_ns[row])
    last = go(desk, e.GoToException(by=-1))
    assert last.cursor_ns == int(truth.events.time_ns[rows[-2]])
    go(desk, e.GoToException(by=1))
    around = go(desk, e.GoToException(by=1))
    assert around.notice is not None
    assert around.notice.text == "No exception came up after this moment; this is the first one."


BEGIN, CALL, RETURN = int(Kind.THREAD_BEGIN), int(Kind.CALL), int(Kind.RETURN)
NESTED = [(1, BEGIN, 0), (10, CALL, 1), (20, CALL, 2), (30, CALL, 3), (40, RETURN, 3), (50, CALL, 4), (60, RETURN, 4)]
NESTED += [(70, RETURN, 2), (80, RETURN, 1)]
"""Site 1 calls site 2, which calls 3 and then 4. Calls are counted from 1, so each has the number of its site."""


def nested(path: Path) -> Path:
    """A session of those, its first segment up to the begin of site 4."""
    batch = batch_of([Event(time_ns, kind, 2, site_id) for time_ns, kind, site_id in NESTED])
    store = SegmentStore.create(path, {"session_id": "0" * 16, "created_real_ns": 0}, sync=False)
    process = ProcessRow(process_id=1, pid=7, name="orders.py", python="3.13.0", start_ns=0)
    tracks = [TrackRow(track_id=2, process_id=1, name="worker", os_id=7, start_ns=1)]
    sites = [
        SiteRow(site_id=n, function=f"step_{n}", module="orders", file="/srv/orders.py", line=n) for n in (1, 2, 3, 4)
    ]
    writer = SessionWriter(store)
    for start, end in ((0, 5), (5, len(batch))):
        writer.write(batch.slice(start, end), tracks, is_last=end == len(batch))
        store.write_defs([process], tracks, sites, [])
    store.set_counts(len(batch), len(batch), 0)
    store.commit()
    store.finish()
    return path


def test_enter_picks_the_innermost_call_and_alt_up_and_down_walk_its_stack(desk: Desk, tmp_path: Path) -> None:
    path = nested(tmp_path / "nested.scope")

    def is_open(now: Assigns) -> bool:
        return now.session is not None and now.session.name == "nested.scope" and has_frame(now)

    desk.do(r.OpenSession(path=str(path), at="35ns"), until=is_open)
    desk.do(e.Select(selection=Selection("track", 2, 2)))
    assert picked(go(desk, e.PickAtCursor())) == ("call", 3)
    assert picked(go(desk, e.PickOnStack(by=-1))) == ("call", 2)
    assert picked(go(desk, e.PickOnStack(by=-1))) == ("call", 1)
    outermost = go(desk, e.PickOnStack(by=-1))
    assert outermost.notice is not None
    assert outermost.notice.text == "step_1 is the outermost call that is known here."
    assert picked(go(desk, e.PickOnStack(by=1))) == ("call", 2)
    assert picked(go(desk, e.PickOnStack(by=1))) == ("call", 3)
    leaf = go(desk, e.PickOnStack(by=1))
    assert leaf.notice is not None
    assert leaf.notice.text == "step_3 calls nothing more that is recorded."
    desk.do(e.SeekTo(time_ns=45), e.Select(selection=Selection("call", 2, 2)), until=has_frame)
    then = go(desk, e.PickOnStack(by=1))
    assert (picked(then), then.cursor_ns) == (("call", 4), 50)
    desk.do(e.SeekTo(time_ns=85), until=has_frame)
    nothing = go(desk, e.PickAtCursor())
    assert nothing.notice is not None
    assert nothing.notice.text == "No call runs at the cursor on the focused lane."


def test_escape_lets_go_and_says_of_what(desk: Desk) -> None:
    assert desk.do(e.PickNothing()).notice is None
    desk.do(e.Select(selection=Selection("site", PUT)), e.Search(text="put"), until=lambda now: bool(now.search_sites))
    shown = desk.do(e.PickNothing())
    assert (shown.selection, shown.search_text, shown.search_sites) == (None, "", ())
    assert shown.notice is not None
    assert shown.notice.text == "Nothing is picked and the search is over."
