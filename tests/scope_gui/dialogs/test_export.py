"""The export dialog: what is on the screen, pixel by pixel; other sizes and sequences beside it; nothing overwritten
unasked, nothing left half done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from capture.session.session import Session
from dags.frame.reader import FrameReader
from scope_gui.dialogs.export import ExportDialog
from scope_gui.dialogs.export_form import KIND_TITLES, MARKED, THIS, VISIBLE
from scope_gui.left_window import LeftWindow
from scope_gui.pictures.offscreen import Offscreen
from scope_gui.window.window import MainWindow
from tests.sessions import build_session
from tests.views.pictures import pixels
from views.drawing.picture import title_height
from views.loop.events import Event, FrameReady, Mark, SeekTo
from views.loop.recording_events import PicturesWritten
from views.loop.state import Assigns
from views.loop.store import Store
from views.loop.update import handle_event
from views.reading.opening import session_opened
from views.reading.source import Source
from views.timeline.state import KeepOpen

# What the display of these tests cannot do, and no window needs.
PATIENCE_MS = 30_000


class Desk:
    """A window that shows a session, and the dialog over it."""

    def __init__(self, session: Session) -> None:
        self.source, self.frames = Source(session), FrameReader(session)
        middle_ns = (session.start_ns + session.end_ns) // 2
        assigns = handle_event(Assigns(), session_opened(session, self.source.names, 1, at_ns=middle_ns))
        self.store = Store(handle_event(assigns, self.frame(middle_ns)))
        self.sent: list[Event] = []
        self.window = MainWindow(self.store, self.source)
        self.window.begin(LeftWindow())
        self.window.resize(1100, 760)
        self.window.show()
        QTest.qWait(20)
        self.rest()

    def frame(self, time_ns: int) -> FrameReady:
        return FrameReady(key=1, time_ns=time_ns, frame=self.frames.at(time_ns))

    def rest(self) -> None:
        while self.store.has_waiting:
            self.store.fold()
        self.store.fold()
        self.window.views["timeline"].wait_until_loaded()
        self.window.views["metrics"].wait_until_loaded()
        QTest.qWait(10)

    def ask(self) -> ExportDialog:
        dialog = ExportDialog(self.window, self.window, self.sent.append, lambda: self.store.assigns)
        dialog.open()
        focused = QApplication.focusWidget()
        if focused is not None:  # no window of this display takes the keyboard from another
            focused.clearFocus()
        return dialog

    def seen(self, widget: QWidget) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        return pixels(widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32))


@pytest.fixture
def desk(qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("SCOPE_3D", "off")
    sheet, colours = qapp.styleSheet(), qapp.palette()
    with Session.open(build_session(tmp_path / "orders.scope", events=900, tracks=3, segments=3).path) as session:
        made = Desk(session)
        yield made
        made.window.views["timeline"].shut()
        made.window.views["metrics"].shut()
        made.window.hide()
        made.window.deleteLater()
        QTest.qWait(1)
    qapp.setStyleSheet(sheet)
    qapp.setPalette(colours)


def child(dialog: ExportDialog, name: str) -> QWidget:
    """What journeys find by its name."""
    found = dialog.findChild(QWidget, f"export.{name}")
    assert found is not None, name
    return found


def choose(dialog: ExportDialog, name: str, text: str) -> None:
    choice = child(dialog, name)
    assert isinstance(choice, QComboBox)
    choice.setCurrentText(text)
    assert choice.currentText() == text


def write_to(dialog: ExportDialog, path: Path) -> None:
    line = child(dialog, "path")
    assert isinstance(line, QLineEdit)
    line.setText(str(path))


def export(dialog: ExportDialog, qtbot: QtBot) -> None:
    """Presses Enter in the file's line and waits until the dialog is gone."""
    QTest.keyClick(child(dialog, "path"), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not dialog.isVisible(), timeout=PATIENCE_MS)


def picture(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return pixels(QImage(str(path)).convertToFormat(QImage.Format.Format_RGB32))


def test_a_path_that_looks_like_markup_is_shown_as_it_is(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = desk.ask()
    write_to(dialog, tmp_path / "<b>no folder</b>" / "a.png")
    QTest.keyClick(child(dialog, "path"), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "<b>no folder</b>" in dialog.told.text(), timeout=PATIENCE_MS)
    assert dialog.told.textFormat() == Qt.TextFormat.PlainText


def test_what_is_on_the_screen_is_what_is_exported(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = desk.ask()
    write_to(dialog, tmp_path / "window.png")
    export(dialog, qtbot)
    assert (picture(tmp_path / "window.png") == desk.seen(desk.window)).all()
    assert desk.sent == [PicturesWritten(path=str(tmp_path / "window.png"))]
    for view in ("Timeline", "Building", "Supervision", "Inspector", "Metrics"):
        desk.window.show_panel(view.lower())
        QTest.qWait(20)
        desk.rest()
        dialog = desk.ask()
        choose(dialog, "view", view)
        write_to(dialog, tmp_path / "view.png")
        dialog.begin()
        if dialog.isVisible():
            export(dialog, qtbot)
        own = desk.seen(desk.window.views[view.lower()])
        above = title_height(own.shape[1])
        assert (picture(tmp_path / "view.png")[above : above + own.shape[0]] == own).all(), view
        (tmp_path / "view.png").unlink()


def test_another_size_is_what_the_command_line_makes_of_the_same_state(
    desk: Desk, qtbot: QtBot, tmp_path: Path
) -> None:
    for view, size in (("Window", "1200x700"), ("Timeline", "900x500"), ("Building", "640x480")):
        dialog = desk.ask()
        choose(dialog, "view", view)
        choose(dialog, "size", size)
        write_to(dialog, tmp_path / f"{view}.png")
        export(dialog, qtbot)
        width, height = map(int, size.split("x"))
        layout = desk.window.layout_texts()[1]
        state, make_desk = desk.store.assigns, desk.window.another
        views = Offscreen(dialog.order().view, desk.source, state, (width, height), make_desk=make_desk, layout=layout)
        views.load()
        wanted = pixels(views.picture())
        views.close()
        assert (picture(tmp_path / f"{view}.png") == wanted).all(), view


def test_shapes_and_text_are_chosen_by_the_format_or_by_the_name(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = desk.ask()
    choose(dialog, "view", "Timeline")
    write_to(dialog, tmp_path / "lanes.png")
    choose(dialog, "format", KIND_TITLES["svg"])
    assert dialog.form.path.text() == str(tmp_path / "lanes.svg")
    write_to(dialog, tmp_path / "lanes.png")
    assert dialog.form.kind.currentText() == KIND_TITLES["png"]
    choose(dialog, "moments", VISIBLE)
    assert not dialog.form.kind.isEnabled()
    choose(dialog, "moments", THIS)
    write_to(dialog, tmp_path / "lanes.svg")
    export(dialog, qtbot)
    text = (tmp_path / "lanes.svg").read_text()
    assert ">worker-2</text>" in text
    assert "<image" not in text
    assert desk.sent == [PicturesWritten(path=str(tmp_path / "lanes.svg"))]


def test_what_is_scrolled_and_turned_is_exported_so(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    timeline, stage = desk.window.views["timeline"], desk.window.building.stage
    for row in desk.source.names.tracks.values():
        desk.store.send(KeepOpen(track_id=row.track_id))
    desk.window.resizeDocks([desk.window.docks["timeline"]], [150], Qt.Orientation.Vertical)
    desk.rest()
    timeline.take_pose(70)
    stage.look("turn left")
    stage.look("closer")
    desk.rest()
    assert timeline.pose() > 0
    for view, widget in (("Timeline", timeline), ("Building", desk.window.building)):
        dialog = desk.ask()
        choose(dialog, "view", view)
        width, height = dialog.order().size
        choose(dialog, "size", f"{width}x{height}")
        write_to(dialog, tmp_path / f"{view}.png")
        export(dialog, qtbot)
        own, above = desk.seen(widget), title_height(width)
        assert (picture(tmp_path / f"{view}.png")[above : above + own.shape[0]] == own).all(), view


def test_a_stretch_becomes_a_folder_of_pictures(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    middle_ns, start_ns = desk.store.assigns.cursor_ns, desk.store.assigns.range_ns[0]
    desk.store.send(SeekTo(time_ns=start_ns))
    desk.store.send(Mark())
    desk.store.send(SeekTo(time_ns=middle_ns))
    desk.store.send(desk.frame(middle_ns))
    desk.rest()
    dialog = desk.ask()
    choose(dialog, "view", "Supervision")
    choose(dialog, "moments", MARKED)
    assert str(dialog.form.path.text()).endswith(".gif")
    choose(dialog, "size", "480x320")
    dialog.form.fps.setCurrentText("10")
    dialog.form.speed.setCurrentText("0.0001")
    order = dialog.order()
    assert (order.times[0], order.times[1] - order.times[0]) == (start_ns, 10_000)
    assert f"{len(order.times)} pictures" in dialog.told.text()
    write_to(dialog, tmp_path / "frames")
    export(dialog, qtbot)
    made = sorted((tmp_path / "frames").iterdir())
    assert len(made) == len(order.times) > 5
    assert all(picture(path).shape == (320, 480, 3) for path in made)
    assert desk.store.assigns.cursor_ns == middle_ns


def test_escape_stops_an_export_with_whole_files_and_only_then_closes(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = desk.ask()
    choose(dialog, "moments", VISIBLE)
    dialog.form.speed.setCurrentText("0.00001")
    write_to(dialog, tmp_path / "frames")
    QTest.keyClick(child(dialog, "path"), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.bar.value() >= 2 or "⚠" in dialog.told.text(), timeout=8000)
    assert "⚠" not in dialog.told.text(), dialog.told.text()
    assert not child(dialog, "go").isEnabled()
    QTest.keyClick(child(dialog, "cancel"), Qt.Key.Key_Escape)
    made = sorted((tmp_path / "frames").iterdir())
    assert dialog.isVisible()
    assert dialog.told.text().startswith(f"Stopped. {len(made)} pictures")
    assert all(path.suffix == ".png" and picture(path).shape == (760, 1100, 3) for path in made)
    assert desk.sent == []
    QTest.keyClick(child(dialog, "path"), Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_a_file_that_is_there_is_replaced_only_when_pressed_again(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    target = tmp_path / "old.png"
    target.write_text("old")
    dialog = desk.ask()
    write_to(dialog, target)
    QTest.keyClick(child(dialog, "path"), Qt.Key.Key_Return)
    go = child(dialog, "go")
    assert isinstance(go, QPushButton)
    assert (go.text(), target.read_text(), dialog.isVisible()) == ("Replace", "old", True)
    export(dialog, qtbot)
    assert picture(target).shape == (760, 1100, 3)


def test_what_makes_no_sense_is_said_and_the_dialog_stays(desk: Desk, tmp_path: Path) -> None:
    dialog = desk.ask()
    wrong = [
        ("size", "large", "not a size"),
        ("size", "100x100", "too small"),
        ("path", "", "no file to write to"),
        ("path", str(tmp_path / "a.jpg"), "ends in neither .png nor .svg"),
        ("path", str(tmp_path / "nowhere" / "a.png"), "no folder"),
    ]
    for name, text, sentence in wrong:
        choose(dialog, "size", "As on screen")
        write_to(dialog, tmp_path / "a.png")
        field = child(dialog, name)
        if isinstance(field, QComboBox):
            field.setCurrentText(text)
        elif isinstance(field, QLineEdit):
            field.setText(text)
        dialog.begin()
        assert sentence in dialog.told.text()
        assert dialog.isVisible()
    choose(dialog, "moments", VISIBLE)
    dialog.form.fps.setCurrentText("many")
    assert "is no number" in dialog.told.text()
    choose(dialog, "moments", THIS)
    dialog.reject()
    assert list(tmp_path.glob("*.png")) == []


def test_a_name_is_offered_for_what_was_chosen_until_the_person_writes_one(desk: Desk, tmp_path: Path) -> None:
    dialog = desk.ask()
    assert Path(dialog.form.path.text()).parent == tmp_path
    assert Path(dialog.form.path.text()).name.startswith("orders-window-")
    choose(dialog, "view", "Building")
    assert Path(dialog.form.path.text()).name.startswith("orders-building-")
    write_to(dialog, tmp_path / "mine.png")
    choose(dialog, "view", "Metrics")
    assert Path(dialog.form.path.text()).name == "mine.png"
    dialog.reject()
