"""One row of VIEWS is all that a view needs: everything that knows views derives from it."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path
from typing import Annotated, Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QLabel, QMenu
from pytestqt.qtbot import QtBot

from capture.named import named
from dags import registry as registry_of_dags
from dags.frame.asked import known_parts
from scope_gui import command_line, left_window
from scope_gui.pictures import plan
from scope_gui.window.window import MainWindow
from tests.gallery import catalogue
from tests.scope_command import scope_here
from tests.sessions import build_session
from tests.views.frames import frame, showing
from views import registry
from views.building.state import BuildingState, SetMeasure
from views.drawing.theme import dress
from views.loop.events import Event, SessionClosed
from views.loop.remembered import REMEMBERED
from views.loop.state import Assigns
from views.loop.store import Store
from views.loop.update import handle_event
from views.loop.view_states import ViewState, all_fields
from views.reading.source import Source
from views.registry import VIEWS, ViewSpec


class SetHours(Event, frozen=True, kw_only=True):
    """The made-up view's own event."""

    hours: int


class ClockState(ViewState, frozen=True, kw_only=True):
    """What the made-up view keeps of its own."""

    hours: Annotated[int, REMEMBERED] = 24
    asked: int = 0

    def handle(self, event: Event, assigns: Assigns) -> ClockState:
        return replace(self, hours=event.hours, asked=self.asked + 1) if isinstance(event, SetHours) else self


class ClockView(QLabel):
    """A made-up view: the time of the cursor."""

    reads = frozenset({"cursor_ns", "clock"})

    def __init__(self, send: Any, source: Source) -> None:
        super().__init__()
        self.setStyleSheet("background: #ff8800")

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        self.setText(f"{assigns.cursor_ns} ns of {assigns.of(ClockState).hours} h")


CLOCK = ViewSpec(
    "clock",
    "Clock",
    f"{__name__}:ClockView",
    "right",
    0.25,
    least_size=(200, 100),
    below="inspector",
    state=f"{__name__}:ClockState",
)


@pytest.fixture
def with_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "VIEWS", (CLOCK, *VIEWS))
    command_line._parser.cache_clear()
    yield
    command_line._parser.cache_clear()


@pytest.mark.usefixtures("with_clock")
def test_a_made_up_view_is_docked_in_the_menu_and_laid_out(qtbot: QtBot) -> None:
    window = MainWindow(Store(showing(frame())), Source())
    qtbot.addWidget(window)
    window.resize(1600, 900)
    dock = window.docks["clock"]
    assert dock.windowTitle() == "Clock"
    assert dock.isAncestorOf(window.views["clock"])
    assert window.dockWidgetArea(dock) == Qt.DockWidgetArea.RightDockWidgetArea
    [menu] = [one for one in window.findChildren(QMenu) if one.title().replace("&", "") == "Window"]
    entries = [action.text() for action in menu.actions()]
    at = entries.index("Building")
    assert entries[at : at + 6] == ["Building", "Inspector", "Clock", "Supervision", "Metrics", "Timeline"]
    window.show()
    dock.setFloating(True)
    window.lay_out()
    QApplication.processEvents()
    assert not dock.isFloating()
    assert dock.y() > window.docks["inspector"].y()
    assert dock.x() == window.docks["inspector"].x()


@pytest.mark.usefixtures("with_clock")
def test_a_made_up_view_behind_another_is_a_tab(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "VIEWS", (CLOCK._replace(below="", tabbed_with="metrics", area="right"), *VIEWS))
    window = MainWindow(Store(), Source())
    qtbot.addWidget(window)
    assert window.docks["clock"] in window.tabifiedDockWidgets(window.docks["metrics"])


@pytest.mark.usefixtures("with_clock")
def test_a_made_up_view_is_exported_and_pictured(tmp_path: Path) -> None:
    path = build_session(tmp_path / "s.scope").path
    assert "clock" in scope_here(["export", "--help"]).stdout
    out = tmp_path / "clock.png"
    words = ["export", str(path), "--at", "50%", "--view", "clock", "-o", str(out), "--size", "300x150"]
    assert scope_here(words).returncode == 0
    image = QImage(str(out))
    assert (image.width(), image.height()) == (300, 150)
    assert image.pixelColor(150, 100).name() == "#ff8800"
    assert "too small" in scope_here([*words[:-1], "199x100"]).stderr
    assert "clock" in plan.views()
    dress("dark")


@pytest.mark.usefixtures("with_clock")
def test_a_view_that_is_not_exported_is_no_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry, "VIEWS", (CLOCK._replace(exports=False), *VIEWS))
    done = scope_here(["export", "s.scope", "--at", "1s", "--view", "clock", "-o", str(tmp_path / "a.png")])
    assert done.returncode == 2
    assert "invalid choice: 'clock'" in done.stderr


@pytest.mark.usefixtures("with_clock")
def test_a_made_up_view_keeps_a_state_of_its_own_and_is_patched_for_it_alone(qtbot: QtBot) -> None:
    store = Store(showing(frame()))
    clock, label = CLOCK.make(store.send, Source()), QLabel()
    qtbot.addWidget(clock)
    qtbot.addWidget(label)
    store.add(clock)
    store.send(SetHours(hours=12))
    assert store.fold() == {"clock"}
    assert clock.text().endswith("of 12 h")
    assert store.assigns.of(BuildingState) == BuildingState()
    store.send(SetMeasure(measure="time"))
    assert store.fold() == {"building"}
    assert (store.patches, store.assigns.of(ClockState)) == (2, ClockState(hours=12, asked=1))
    same = store.assigns
    store.send(SetMeasure(measure="time"))
    assert (store.fold(), store.assigns is same) == (frozenset(), True)


@pytest.mark.usefixtures("with_clock")
def test_only_what_a_made_up_view_marks_outlives_a_session_and_a_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    told = handle_event(handle_event(showing(frame()), SetHours(hours=12)), SetMeasure(measure="time"))
    closed = handle_event(told, SessionClosed())
    assert closed == Assigns(views=(ClockState(hours=12),))
    left_window.save_left_window(left_window.LeftWindow(layout="abc"), told)
    assert left_window.load_left_window() == (left_window.LeftWindow(layout="abc"), closed)
    monkeypatch.setattr(registry, "VIEWS", VIEWS)
    assert left_window.load_left_window() == (left_window.LeftWindow(layout="abc"), Assigns())


def test_the_gallery_has_a_picture_of_each() -> None:
    assert {row.name for row in VIEWS} < set(catalogue.VIEWS)


def test_each_row_names_what_is_there() -> None:
    names = [row.name for row in VIEWS]
    assert len(set(names)) == len(names)
    for row in VIEWS:
        assert {row.below, row.tabbed_with} <= {"", *(other.name for other in VIEWS if other.area == row.area)}
        assert issubclass(named(row.view), object)
        assert frozenset(named(row.view).reads) <= all_fields()
        assert row.parts <= known_parts(registry_of_dags.FOLLOWERS)
        assert bool(row.parts) == ("frame" in named(row.view).reads)
    assert not registry.states().keys() & set(Assigns.__struct_fields__)
    assert sum(row.gets_keyboard for row in VIEWS) == 1
    assert [row.area for row in VIEWS].count("centre") == 1
    assert [row.name for row in registry.placed()] == ["building", "inspector", "supervision", "metrics", "timeline"]
