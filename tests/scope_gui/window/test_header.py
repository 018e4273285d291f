"""The header: what it says of a recording, what its button does, and what stays when the window is narrow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from pytestqt.qtbot import QtBot

from capture.measured_cost import Overhead
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from capture.unseen import UnseenRow, told_unseen
from scope_gui.commands import COMMANDS
from scope_gui.dialogs.unseen_list import unseen_page
from scope_gui.window.header import ATTACH, FIND, OPEN, RECORD, STOP, UNSEEN, HeaderView, status_parts
from tests.views.windows import frame, opened
from views.loop.state import Assigns, Recorder
from views.loop.view_states import all_fields
from views.reading.source import Source
from views.words.figures import THIN

LIVE = replace(
    opened(live=True),
    frame=frame(5),
    recorder=Recorder(pid=7, overhead=0.0123, events_per_s=4_560, produced=99, dropped=3),
)

ABOUT = {"session_id": "5e55105e55105e55", "created_real_ns": 1}


class Clicked(HeaderView):
    """The header, and the titles of the commands that it was asked for."""

    def __init__(self, source: Source | None = None) -> None:
        self.done: list[str] = []
        super().__init__(source or Source(), self.done.append)


@pytest.fixture
def header(qtbot: QtBot) -> Iterator[Clicked]:
    made = Clicked()
    qtbot.addWidget(made)
    made.resize(1000, 30)
    yield made


def texts(assigns: Assigns, dropped: int = 0) -> list[str]:
    return [text for text, _ in status_parts(assigns, dropped)]


def test_a_live_recording_says_how_it_goes_what_it_costs_and_what_is_lost() -> None:
    said = ["● live", "stacks exact", "99 events, 4.56k events/s", "overhead 1.2%", "▲ 3 dropped"]
    assert texts(LIVE, 3) == said
    assert dict(status_parts(LIVE, 3))["▲ 3 dropped"] is False


def test_seconds_and_events_are_told_at_once_also_of_a_program_that_does_nothing() -> None:
    idle = replace(LIVE, range_ns=(1_000_000_000, 4_700_000_000), recorder=Recorder(pid=7, produced=5))
    assert {f"● live 3{THIN}s", "5 events, 0 events/s"} <= set(texts(idle))


def test_what_the_overhead_is_for_is_named_where_it_is_code_that_is_left_out() -> None:
    recorder = Recorder(pid=7, overhead=0.31, overhead_left_out=0.19)
    assert "overhead 31.0% (19.0% for code left out)" in texts(replace(LIVE, recorder=recorder))


def test_an_overhead_that_is_not_known_is_not_shown() -> None:
    recorder = Recorder(pid=7)
    assert not [text for text in texts(replace(LIVE, recorder=recorder)) if "overhead" in text]


def test_a_saved_session_says_what_its_recording_has_cost() -> None:
    saved = replace(opened(live=False), frame=frame(5))
    said = status_parts(saved, 0, Overhead(0.31, 0.002))
    assert ("overhead 31.0%", False) in said
    assert said[0] == ("recorded", True)
    assert not [text for text, _ in status_parts(saved, 0) if "overhead" in text]


def test_saving_says_how_far_it_is_and_cannot_be_stopped_again(header: Clicked) -> None:
    saving = replace(LIVE, recorder=Recorder(state="saving", saved_percent=40))
    assert texts(saving)[0] == "saving 40 %"
    header.patch(saving, all_fields())
    assert not header.record_button.isEnabled()


def test_its_button_stops_what_is_live_and_records_otherwise(header: Clicked) -> None:
    header.patch(opened(), all_fields())
    header.record_button.click()
    header.patch(LIVE, all_fields())
    assert header.record_button.text() == "■ Stop"
    header.record_button.click()
    assert header.done == [RECORD, STOP]


def test_its_titles_are_commands() -> None:
    assert {ATTACH, OPEN, RECORD, STOP, FIND, UNSEEN} <= {command.title for command in COMMANDS}


def test_in_a_narrow_window_buttons_go_before_the_name(header: Clicked) -> None:
    header.patch(LIVE, all_fields())
    assert LIVE.session is not None
    words_px = header.status.fontMetrics().horizontalAdvance(header.status.toolTip())
    words_px += header.name.fontMetrics().horizontalAdvance(LIVE.session.name)
    header.resize(words_px + 60 + header.record_button.sizeHint().width(), 30)
    header.patch(LIVE, all_fields())
    assert header.name.text() == LIVE.session.name
    assert header.find_button.isHidden()
    assert not header.record_button.isHidden()
    header.resize(2000, 30)
    header.patch(LIVE, all_fields())
    assert not header.find_button.isHidden()


def test_a_narrow_window_shortens_the_name_and_keeps_what_matters(header: Clicked) -> None:
    assert LIVE.session is not None
    named = replace(LIVE, session=replace(LIVE.session, name="a-name-that-is-long" * 3 + ".scope"))
    header.patch(named, all_fields())
    header.resize(2000, 30)
    header.patch(named, all_fields())
    assert "events/s" in header.status.text()
    assert header.name.text() == "a-name-that-is-long" * 3 + ".scope"
    header.resize(700, 30)
    header.patch(named, all_fields())
    assert "events/s" not in header.status.text()
    assert "overhead" in header.status.text()
    assert "…" in header.name.text()


def test_what_is_not_seen_stays_in_sight_and_opens_its_list(qtbot: QtBot, tmp_path: Path) -> None:
    store = SegmentStore.create(tmp_path / "blind.scope", ABOUT, sync=False)
    store.set_unseen([UnseenRow(1, "child", ["<b>make</b> (pid 7)"]), UnseenRow(1, "sub-interpreter", [])])
    store.finish()
    with Session.open(tmp_path / "blind.scope") as session:
        header = Clicked(Source(session))
        qtbot.addWidget(header)
        header.resize(420, 30)
        header.patch(opened(), all_fields())
        assert header.unseen_button.text() == "⚠ 2 not seen"
        assert not header.unseen_button.isHidden()
        assert "&lt;b&gt;make" in header.unseen_button.toolTip(), "a name out of the session is shown, not obeyed"
        header.resize(230, 30)  # as at twice the size in a window of 1 280 px: its number stays
        header.patch(opened(), all_fields())
        assert (header.unseen_button.text(), header.unseen_button.isHidden()) == ("⚠ 2", False)
        header.resize(420, 30)
        header.patch(opened(), all_fields())
        assert header.unseen_button.text() == "⚠ 2 not seen"
        header.unseen_button.click()
        assert header.done == [UNSEEN]
        page = unseen_page(told_unseen(session.manifest.unseen), session.manifest.counts, {}, "dark")
        assert "Only watched from outside, not recorded: &lt;b&gt;make&lt;/b&gt; (pid 7)." in page
        header.patch(Assigns(), all_fields())
        assert header.unseen_button.isHidden()


def test_a_frame_that_says_the_same_dresses_nothing_anew_and_another_one_does(header: Clicked) -> None:
    header.patch(LIVE, all_fields())
    header.status.setText("as it was")
    header.patch(replace(LIVE, frame=frame(6)), {"frame"})
    assert header.status.text() == "as it was"
    unsure = replace(frame(7), confidence=replace(frame(7).confidence, stacks="not captured"))
    header.patch(replace(LIVE, frame=unsure), {"frame"})
    assert "stacks not captured" in header.status.text()


def test_where_there_is_hardly_any_room_only_what_is_wrong_is_said(header: Clicked) -> None:
    header.resize(240, 30)
    header.patch(LIVE, all_fields())
    assert "3 dropped" in header.status.text()
    assert "overhead" not in header.status.text()
