"""What is typed into the one box, and what is typed after Enter was pressed too early."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from scope_gui.dialogs.find_box import FindBox
from tests.views.windows import opened
from views.loop.events import Event, LookFor

# What the display of these tests cannot do.
pytestmark = pytest.mark.qt_log_ignore("requestActivate")


def test_letters_after_an_enter_that_is_remembered_are_no_part_of_what_was_asked_for(
    owner: QWidget, sent: list[Event]
) -> None:
    owner.resize(900, 600)
    owner.show()
    box = FindBox(owner, sent.append, lambda command: None, opened)
    box.patch(opened(), set())
    box.ask()
    QTest.keyClicks(box.line, "sto")
    QTest.keyClick(box.line, Qt.Key.Key_Return)
    QTest.keyClicks(box.line, "x2 ")
    assert (box.line.text(), box.hint.text().split("  ")[0]) == ("sto", "Goes there as soon as it is found")
    assert [event.text for event in sent if isinstance(event, LookFor)] == ["s", "st", "sto"]
    QTest.keyClick(box.line, Qt.Key.Key_Backspace)
    QTest.keyClicks(box.line, "ock")
    assert (box.line.text(), box.hint.text().split("  ")[0]) == ("stock", "Enter goes there")
    box.close()
