"""Frames are made of what can be seen: a hidden panel costs none of its parts, and has them as soon as it is shown."""

from __future__ import annotations

from collections.abc import Collection, Set
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from pytestqt.qtbot import QtBot

from dags.analyses import recent_calls
from dags.frame.asked import PARTS
from dags.frame.reader import FrameReader
from dags.frame_parts import Frame
from scope_gui.left_window import LeftWindow
from scope_gui.window.effects import Effects
from scope_gui.window.window import MainWindow
from tests.dags.frame.test_reader import MS, seal, story
from tests.leftovers import wait_for
from tests.views.frames import showing
from tests.views.pictures import picture, pixels
from views import registry
from views.inspector.earlier import look_up
from views.inspector.view import InspectorView
from views.loop import events as e
from views.loop import recording_events
from views.loop.store import Store
from views.loop.view_states import all_fields
from views.reading.recent_calls import recent
from views.reading.source import Source


class Desk:
    """A window on a session, folded by hand, and the parts of which frames were made."""

    def __init__(self, qtbot: QtBot, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[tuple[int, Set[str] | None]] = []
        at = FrameReader.at

        def counted(
            reader: FrameReader, time_ns: int, parts: Set[str] | None = None, tracks: Collection[int] | None = None
        ) -> Frame:
            self.made.append((time_ns, parts))
            return at(reader, time_ns, parts, tracks)

        monkeypatch.setattr(FrameReader, "at", counted)
        self.store, source = Store(), Source()
        self.effects = Effects(source, self.store.send)
        self.store.effects.append(self.effects)
        self.window = MainWindow(self.store, source)
        qtbot.addWidget(self.window)
        self.window.begin(LeftWindow())
        self.window.show()
        self.do(recording_events.OpenSession(path=str(path), at="50%"))

    def do(self, *events: e.Event) -> None:
        """Sends events and folds until the frame is there."""
        for event in events:
            self.store.send(event)

        def is_at_rest() -> bool:
            self.store.fold()
            return self.store.assigns.frame is not None and self.store.assigns.frame_wanted_ns is None

        assert wait_for(is_at_rest, 10), self.store.assigns

    def show_only(self, *names: str) -> None:
        """Hides all other panels."""
        for name, view in self.window.views.items():
            view.setVisible(name in names)
            if name in self.window.docks:
                self.window.docks[name].setVisible(name in names)
        self.do()


def test_a_hidden_view_costs_no_part_and_one_that_is_shown_asks_for_its_own_at_once(desk: Desk) -> None:
    desk.show_only("timeline")
    middle_ns = desk.store.assigns.cursor_ns
    desk.made.clear()
    desk.do(e.SeekTo(time_ns=middle_ns + 1_000))
    timeline = registry.view_named("timeline").parts
    assert desk.made[0] == (middle_ns + 1_000, timeline)
    assert all(parts == timeline for _, parts in desk.made)
    desk.made.clear()
    desk.show_only("timeline", "inspector")
    both = timeline | registry.view_named("inspector").parts
    assert (middle_ns + 1_000, both) in desk.made
    assert desk.store.assigns.frame is not None
    assert desk.store.assigns.frame.left_out == sorted(PARTS - both)
    assert desk.store.assigns.frame.states != []
    inspector = desk.window.views["inspector"]
    assert isinstance(inspector, InspectorView)
    assert inspector._instead != "Reading …"


def test_of_a_frame_that_nobody_sees_only_what_the_bars_show_is_made(desk: Desk) -> None:
    desk.show_only("metrics")
    desk.made.clear()
    desk.do(e.SeekTo(time_ns=desk.store.assigns.cursor_ns + 1_000))
    assert {parts for _, parts in desk.made} == {frozenset()}
    frame = desk.store.assigns.frame
    assert frame is not None
    assert frame.event_id > 0
    assert frame.left_out == sorted(PARTS)


@pytest.mark.parametrize("row", registry.VIEWS, ids=lambda row: row.name)
def test_the_parts_that_a_view_names_are_all_that_it_shows(
    qtbot: QtBot, tmp_path: Path, row: registry.ViewSpec
) -> None:
    with seal(tmp_path / "story.scope", story()) as session:
        source, reader = Source(session), FrameReader(session)
        pictures = []
        for parts in (None, row.parts, frozenset[str]()):
            frame = reader.at(50 * MS, parts)
            if not frame.lacks(recent_calls.PARTS):
                recent(source, frame)
                look_up(source, session, frame, None)
            view = row.make(lambda event: None, source)
            qtbot.addWidget(view)
            base = showing(frame if not frame.lacks(row.parts) else None)
            view.patch(replace(base, range_ns=(0, session.end_ns), visible_ns=(0, session.end_ns)), all_fields())
            if hasattr(view, "wait_until_loaded"):
                view.wait_until_loaded()
            pictures.append(pixels(picture(view, 700, 500)))
            if hasattr(view, "shut"):
                view.shut()
    whole, named, none = pictures
    assert np.array_equal(whole, named)
    assert np.array_equal(whole, none) == (row.name == "metrics")
