"""Ctrl+[ and Ctrl+] go through the writes of what is picked, and around at its ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from capture.events.definitions import StateKeyRow
from capture.events.kinds import Kind
from tests.dags.analyses.test_function_statistics import sealed
from tests.scope_gui.window.test_effects import Desk, has_frame
from tests.streams import Event
from views.loop import events as e
from views.loop import recording_events as r
from views.loop.state import Assigns, Selection

STOCK, OPEN = 1, 2
KEYS = [StateKeyRow(STOCK, "orders", "stock", "global"), StateKeyRow(OPEN, "orders", "open", "global")]
WRITES = ((30, 2, STOCK, "9"), (40, 3, OPEN, "True"), (50, 3, STOCK, "8"), (60, 2, STOCK, "7"))
"""Versions are counted from 1, so each has the number of its row."""
EVENTS = [Event(10, Kind.THREAD_BEGIN, 2), Event(11, Kind.THREAD_BEGIN, 3), Event(20, Kind.CALL, 2, 1)]
EVENTS += [Event(time_ns, Kind.STATE, track, ref=key, value=value) for time_ns, track, key, value in WRITES]
EVENTS += [Event(70, Kind.RETURN, 2, 1)]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    made = Desk()
    path = sealed(tmp_path / "s.scope", EVENTS, [4, 6], finish=True, state_keys=KEYS)
    made.do(r.OpenSession(path=str(path), at="end"), until=has_frame)
    yield made
    made.effects.stop()


def go(desk: Desk, by: int, version: int) -> Assigns:
    """Until that version is picked, and its moment is shown."""
    time_ns = WRITES[version - 1][0]
    event = e.GoToWrite(by=1 if by > 0 else -1)

    def is_there(now: Assigns) -> bool:
        picked = now.selection
        return picked is not None and (picked.kind, picked.id, now.cursor_ns) == ("state", version, time_ns)

    return desk.do(event, until=is_there)


def test_with_nothing_picked_the_last_write_of_any_value_is_picked_then_those_of_that_value(desk: Desk) -> None:
    go(desk, -1, 4)
    go(desk, -1, 3)
    shown = go(desk, -1, 1)
    assert shown.focus_track_id == 2
    around = go(desk, -1, 4)
    assert around.notice is not None
    assert around.notice.text == "No write of orders.stock before this moment; this is the last one."
    go(desk, 1, 1)


@pytest.mark.parametrize(
    ("picked", "versions"),
    [
        (Selection("track", 3, 3), [3, 2]),
        (Selection("process", 1), [4]),
        (Selection("track", 2, 2), [4, 1]),
        (Selection("call", 1, 2), [4, 1]),
        (Selection("event", 5, 3), [2]),
    ],
)
def test_the_writes_of_a_thread_a_call_a_process_and_of_what_an_event_wrote(
    desk: Desk, picked: Selection, versions: list[int]
) -> None:
    for version in versions:
        desk.do(e.Select(selection=picked))
        go(desk, -1, version)


def test_of_a_function_it_is_said_that_its_writes_are_not_known(desk: Desk) -> None:
    desk.do(e.Select(selection=Selection("site", 1)))
    shown = desk.do(e.GoToWrite(by=-1), until=lambda now: now.notice is not None)
    assert shown.notice is not None
    assert shown.notice.text.startswith("Whose writes?")
