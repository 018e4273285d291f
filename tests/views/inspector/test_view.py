"""The inspector as a widget: what it paints, what its words do."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from dags.analyses.process_facts import ProcessFacts
from tests.views.frames import ALL, call, frame, showing, state, track
from tests.views.pictures import click, near, picture
from views.drawing.theme import DARK, LIGHT
from views.inspector.note_editor import NoteEditor
from views.inspector.scene_page import Words
from views.inspector.state import InspectorState, WriteNote
from views.inspector.view import InspectorView
from views.loop.events import EditBookmark, Event, SeekTo, Select
from views.loop.state import Assigns, Bookmark, Selection
from views.reading.source import Source


def made(qtbot: QtBot, assigns: Assigns) -> tuple[InspectorView, list[Event]]:
    sent: list[Event] = []
    view = InspectorView(sent.append, Source())
    qtbot.addWidget(view)
    view.resize(380, 500)
    view.show()
    view.patch(assigns, ALL)
    return view, sent


def test_words_to_press_send_their_event(qtbot: QtBot) -> None:
    at = frame(1_000, tracks=[track(2, stack=[call(1, "main", 100)])])
    view, sent = made(qtbot, showing(at, selection=Selection("track", 2, 2)))
    spot = next(spot for spot in view.spots() if spot.text == "go to entry")
    click(view.viewport(), spot.box.center())
    click(view.viewport(), QPoint(3, 3))
    assert sent == [SeekTo(time_ns=100, visit=True)]


def test_a_source_is_read_only_when_its_word_is_pressed_and_goes_when_pressed_again(
    qtbot: QtBot, tmp_path: Path
) -> None:
    file = tmp_path / "orders.py"
    file.write_text("def put():\n    stock = 9\n")
    at = frame(1_000, tracks=[track(2, stack=[call(1, "put", 100, file=str(file), line=2)])])
    view, sent = made(qtbot, showing(at, selection=Selection("track", 2, 2)))

    def height() -> float:
        return max(spot.box.bottom() for spot in view.spots()) + len(view._page.words)

    closed = height()
    view.press(next(spot for spot in view.spots() if spot.text == "source"))
    assert any("stock = 9" in words.text for words in view._page.words)
    view.press(next(spot for spot in view.spots() if spot.text == "source"))
    assert height() == closed
    assert sent == []


def test_lines_beside_the_stack_are_read_only_when_they_were_asked_for(qtbot: QtBot, tmp_path: Path) -> None:
    file = tmp_path / "orders.py"
    file.write_text("def put():\n    stock = 9\n")
    at = frame(1_000, tracks=[track(2, stack=[call(1, "put", 100, file=str(file), line=2)])])
    assigns = showing(at, selection=Selection("track", 2, 2))
    view, _ = made(qtbot, assigns)
    assert not any("stock" in words.text for words in view._page.words)
    view.patch(replace(assigns, views=(InspectorState(source_shown=True),)), {"inspector"})
    assert any(words.text == "stock = 9" for words in view._page.words)


def test_a_change_is_painted_in_both_colours_in_both_themes(qtbot: QtBot) -> None:
    at = frame(1_000, states=[state(5, "stock", "MMMMMMMM", 400)])
    for theme, shown in (("dark", DARK), ("light", LIGHT)):
        view, _ = made(qtbot, showing(at, theme=theme))
        view._earlier.of = lambda session, states: {5: "WWWWWWWW"}  # type: ignore[method-assign]
        view.patch(showing(at, theme=theme), ALL)
        image = picture(view, 380, 500)
        assert near(image, shown.hot, 60) > 20
        assert near(image, shown.healthy, 60) > 20


def test_everything_can_be_copied_as_text(qtbot: QtBot) -> None:
    view, _ = made(qtbot, showing(frame(1_000, states=[state(5, "stock", "19", 400)])))
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert "orders.stock  19" in QGuiApplication.clipboard().text()


def test_hundreds_of_states_can_be_scrolled_and_an_empty_session_says_so(qtbot: QtBot) -> None:
    many = frame(1_000, states=[state(n, f"key{n}", "x" * 900, n) for n in range(1, 400)])
    view, _ = made(qtbot, showing(many))
    picture(view, 300, 400)
    assert view.verticalScrollBar().maximum() > 10_000
    view.patch(Assigns(), ALL)
    assert view.verticalScrollBar().maximum() == 0
    assert view.spots() == ()


def test_the_keyboard_chooses_words_and_presses_them(qtbot: QtBot) -> None:
    at = frame(1_000, tracks=[track(2, stack=[call(1, "main", 100), call(2, "serve", 400)])])
    view, sent = made(qtbot, showing(at, selection=Selection("track", 2, 2)))
    view.activateWindow()
    view.setFocus()
    qtbot.waitUntil(view.hasFocus, timeout=10_000)
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert sent == []
    words = [spot.text for spot in view.spots()]
    chosen = []
    for _ in words:
        QTest.keyClick(view, Qt.Key.Key_Down)
        spot = view.chosen()
        assert spot is not None
        chosen.append(spot.text)
    assert chosen == words
    QTest.keyClick(view, Qt.Key.Key_Down)
    for _ in range(len(words) - 1 - words.index("go to entry")):
        QTest.keyClick(view, Qt.Key.Key_Up)
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert sent == [SeekTo(time_ns=400, visit=True)]
    assert near(picture(view, 380, 500), DARK.accent, 2) > 800


def test_a_name_is_not_cut_for_the_sake_of_its_note(qtbot: QtBot) -> None:
    key = "a_rather_long_name_for_a_key"
    at = frame(1_000, tracks=[track(2)], states=[state(5, key, "12", 400)])
    view, _ = made(qtbot, showing(at))
    words = {one.text: one for one in view._page.words}
    name, note = words[f"orders.{key}"], words[next(text for text in words if "ago by worker-2" in text)]
    assert QFontMetricsF(name.font).horizontalAdvance(name.text) <= name.box.width()
    assert note.box.top() > words["12"].box.top()
    assert note.box.right() <= words["go there"].box.left()
    view.resize(800, 500)
    words = {one.text: one for one in view._page.words}
    assert words[note.text].box.top() == words[name.text].box.top()


def test_a_pointer_that_rests_on_a_cut_text_gets_all_of_it(qtbot: QtBot) -> None:
    name = "a_very_long_name_" * 8
    at = frame(1_000, tracks=[track(2)], states=[state(5, name, "12", 400)])
    view, _ = made(qtbot, showing(at))
    head = next(words for words in view._page.words if words.text.endswith(name))
    value = next(words for words in view._page.words if words.text == "12")
    assert view.cut_words_at(head.box.center()) == head.text
    assert view.cut_words_at(value.box.center()) == ""


def test_a_line_of_a_page_is_pressed_at_its_label(qtbot: QtBot) -> None:
    picked = Selection("process", 1)
    facts = ProcessFacts(process_id=1, pid=7, name="x", command="", start_ns=0, end_ns=None, peaks={})
    given = {"selection": picked, "views": (InspectorState(about=picked, facts=facts),)}
    view, sent = made(qtbot, showing(frame(1_000, tracks=[track(2), track(3)]), **given))
    spot = next(spot for spot in view.spots() if spot.text == "worker-3")
    click(view.viewport(), spot.box.center())
    assert sent == [Select(selection=Selection("track", 3, 3))]
    for width in (380, 240, 90):
        view.resize(width, 300)
        assert all(words.box.width() >= 0 for words in view._page.words)
    old = replace(showing(frame(1_000), **given), selection=Selection("process", 2))
    view.patch(old, ALL)
    assert "Its story" in {section.title for section in view.sections()}
    assert "thread" not in {spot.text for spot in view.spots()}


NOTE = Bookmark(time_ns=400, text="leak")
STRETCH = Bookmark(time_ns=900, end_ns=2_000, text="slow here, for as long as it takes")


def writing(qtbot: QtBot) -> tuple[InspectorView, list[Event]]:
    """The note is being written."""
    assigns = showing(frame(1_000), bookmarks=(NOTE,))
    view, sent = made(qtbot, assigns)
    view.activateWindow()
    view.press(next(spot for spot in view.spots() if spot.text == "edit"))
    assert sent == [WriteNote(time_ns=400)]
    sent.clear()
    view.patch(replace(assigns, views=(InspectorState(note_ns=400),)), {"inspector"})
    return view, sent


def test_a_note_is_written_where_it_stands(qtbot: QtBot) -> None:
    view, sent = writing(qtbot)
    [line] = view.findChildren(NoteEditor)
    assert line.isVisible()
    assert line.text() == "leak"
    assert view.viewport().rect().contains(line.geometry())
    QTest.keyClicks(line, "leaks here")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert sent == [EditBookmark(time_ns=400, text="leaks here"), WriteNote(time_ns=None)]
    view.patch(showing(frame(1_000), bookmarks=(replace(NOTE, text="leaks here"),)), {"inspector", "bookmarks"})
    assert not line.isVisible()


def test_escape_leaves_a_note_as_it_was_and_a_closed_session_takes_the_line_away(qtbot: QtBot) -> None:
    view, sent = writing(qtbot)
    [line] = view.findChildren(NoteEditor)
    QTest.keyClicks(line, "gone")
    QTest.keyClick(line, Qt.Key.Key_Escape)
    assert sent == [WriteNote(time_ns=None)]
    other, sent = writing(qtbot)
    [line] = other.findChildren(NoteEditor)
    QTest.keyClicks(line, "half a")
    other.patch(Assigns(), ALL)
    assert not line.isVisible()
    assert sent == []


@pytest.mark.parametrize("width", [150, 200, 260, 320, 450])
def test_words_to_press_never_lie_over_what_they_lead_from(qtbot: QtBot, width: int) -> None:
    stack = [call(1, "a_rather_long_name.of_a_function", 100, file="/srv/a_long_name_of_a_file.py")]
    at = frame(
        1_000, tracks=[track(2, name="a thread of some length", stack=stack, waiting_on=3, start_ns=3), track(3)]
    )
    view, _ = made(qtbot, showing(at, selection=Selection("track", 2, 2), bookmarks=(NOTE, STRETCH)))
    view.resize(width, 900)
    words = view._page.words
    assert len(view.spots()) >= 6
    tops = sorted({one.box.top() for one in words})
    assert max(after - before for before, after in pairwise(tops)) < 2 * view._page.line_px, "a line is left empty"
    for spot in view.spots():
        assert spot.box.right() <= view.viewport().width()
        over = [one for one in words if one.box is not spot.box and one.box.intersects(spot.box)]
        told = [one.text for one in over if _painted(one).intersects(spot.box)]
        assert told == [], (spot.text, told)


def _painted(words: Words) -> QRectF:
    """What a text takes of its box."""
    wide = min(QFontMetricsF(words.font).horizontalAdvance(words.text), words.box.width())
    is_right = bool(words.align & Qt.AlignmentFlag.AlignRight)
    left = words.box.right() - wide if is_right else words.box.left()
    return QRectF(left, words.box.top(), wide, words.box.height()).adjusted(0.5, 0.5, -0.5, -0.5)
