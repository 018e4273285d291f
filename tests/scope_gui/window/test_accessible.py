"""What a screen reader reads: everything has a name that says what it is or does; what it shows is said and follows.

Read through `QAccessible`, as a screen reader does.
"""

from __future__ import annotations

import re

import pytest
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QComboBox, QDialog, QTabBar, QWidget

from tests.scope_gui.window.test_parts import Desk
from views import registry
from views.building.state import EnterFloor, SetLook
from views.loop import events as e
from views.loop.state import Selection

ROLES = {
    QAccessible.Role.Button, QAccessible.Role.ButtonMenu, QAccessible.Role.ButtonDropDown, QAccessible.Role.CheckBox,
    QAccessible.Role.RadioButton, QAccessible.Role.EditableText, QAccessible.Role.ComboBox, QAccessible.Role.SpinBox,
    QAccessible.Role.List, QAccessible.Role.Tree, QAccessible.Role.Table, QAccessible.Role.Slider,
}  # fmt: skip
"""Of what can be pressed, typed into or gone through."""
MARKUP = re.compile(r"</?(span|br|p|ul|li|a)\b")
QTS_OWN = {"qt_spinbox_lineedit", "ScrollLeftButton", "ScrollRightButton", "qt_toolbar_ext_button"}


def told(widget: QWidget) -> tuple[str, str]:
    """Name and description as a screen reader gets them."""
    found = QAccessible.queryAccessibleInterface(widget)
    assert found is not None
    return found.text(QAccessible.Text.Name), found.text(QAccessible.Text.Description)


def nameless(root: QWidget) -> list[str]:
    """Those in sight that are pressed, typed into or gone through and do not say what they are."""
    found = []
    for part in root.findChildren(QWidget):
        read = QAccessible.queryAccessibleInterface(part)
        is_ours = part.objectName() not in QTS_OWN and not isinstance(part, QTabBar)
        if read is None or not part.isVisible() or not is_ours or read.role() not in ROLES:
            continue
        # On Linux Qt gives what is chosen as the name of a box, whose own name is that of the label beside it.
        is_box = isinstance(part, QComboBox)
        name = part.accessibleName() if is_box and part.accessibleName() else read.text(QAccessible.Text.Name)
        if sum(letter.isalpha() for letter in name) < 2:
            found.append(f"{type(part).__name__} {part.objectName()!r}: {read.text(QAccessible.Text.Name)!r}")
    return found


def with_markup(root: QWidget) -> list[str]:
    """Those of which tags would be read out."""
    parts = [part for part in root.findChildren(QWidget) if part.isVisible()]
    return [f"{type(part).__name__}: {told(part)}" for part in parts if MARKUP.search(" ".join(told(part)))]


def test_everything_in_the_window_says_what_it_is_or_does(desk: Desk) -> None:
    window = desk.window
    desk.do(e.AddBookmark(text="a <b> note"), e.Mark())
    for name in registry.view_named("supervision").name, "metrics", "inspector":
        window.show_panel(name)
        QApplication.processEvents()
        desk.do()
        assert nameless(window) == []
        assert with_markup(window) == []
    for view in (*window.views.values(), window.transport, window.header, window.strip, window.notices):
        assert told(view)[0], type(view).__name__
    desk.store.send(e.SessionClosed())
    desk.store.fold()
    QApplication.processEvents()
    assert nameless(window) == []


@pytest.mark.parametrize("title", ["Settings", "Find anything", "Open a session", "Record a program from its start",
                                   "Export what is seen", "Go to a time", "Keys"])  # fmt: skip
def test_everything_in_a_dialog_says_what_it_is_or_does(desk: Desk, title: str) -> None:
    desk.window.do_titled(title)
    desk.do()
    [dialog] = [part for part in desk.window.findChildren(QDialog) if part.isVisible()]
    assert told(dialog)[0] == dialog.windowTitle() != ""
    assert nameless(dialog) == []
    assert with_markup(dialog) == []
    dialog.reject()


def test_what_is_shown_is_said_and_follows(desk: Desk) -> None:
    window = desk.window
    start_ns, end_ns = desk.store.assigns.range_ns
    timeline, stage = window.views["timeline"], window.building.stage
    track, rows, inspector = window.transport.track, window.views["supervision"].rows, window.views["inspector"]
    window.show_panel("supervision")
    said: dict[QWidget, set[str]] = {part: set() for part in (timeline, track, inspector)}
    for at_ns in (start_ns, (start_ns + end_ns) // 2, end_ns):
        window.show_panel("inspector")
        desk.do(e.SeekTo(time_ns=at_ns))
        for part, texts in said.items():
            texts.add(told(part)[1])
    assert all(len(texts) == 3 for texts in said.values()), said
    lane = desk.store.assigns.focus_track_id
    name = desk.effects._source.names.track(lane)
    words = told(timeline)[1]
    assert words.startswith("cursor at 300"), words
    assert f"lane {name}" in words
    window.show_panel("supervision")
    desk.do(e.Select(selection=Selection("track", lane, lane)))
    assert told(rows)[1].startswith(name)
    desk.do(e.SeekTo(time_ns=(start_ns + end_ns) // 2), SetLook(look="front"), EnterFloor(floor=0))
    plan = stage.plan
    assert plan is not None
    desk.do(e.Select(selection=Selection("site", int(plan.site_id[0]), int(plan.track_id[0]))))
    assert told(stage)[1].startswith(f"Picked: {plan.words(0)}")


def test_a_button_that_is_down_and_one_that_changes_what_it_does_say_so(desk: Desk) -> None:
    play = desk.window.transport.play_button
    assert told(play)[0] == "Play"
    desk.do(e.SeekTo(time_ns=desk.store.assigns.range_ns[0]), e.Play(on=True))
    assert told(play)[0] == "Pause"
    desk.do(e.Play(on=False))
    chosen = desk.window.building.controls.measures.buttons["calls"]
    assert told(chosen)[0] == "Height: Calls"
    read = QAccessible.queryAccessibleInterface(chosen)
    assert read is not None
    assert read.state().checked
