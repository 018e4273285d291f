"""The window's panels, without a screen."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from scope_gui.commands import COMMANDS
from scope_gui.window.window import MainWindow
from tests.views.windows import opened
from views.loop.events import Event, Step
from views.loop.store import Store
from views.reading.source import Source


def test_the_page_that_is_not_shown_asks_for_no_room(qtbot: QtBot) -> None:
    """It would take its height from the panels, as soon as they are laid out anew, as at a change of theme."""
    window = MainWindow(Store(), Source())
    qtbot.addWidget(window)
    needed = window.welcome.minimumSizeHint().height()
    window._show_page(window.building)
    assert window.pages.minimumSizeHint().height() < needed
    window._show_page(window.welcome)
    assert window.pages.minimumSizeHint().height() == needed


def test_a_command_by_a_key_that_is_held_steps_farther_and_the_next_one_does_not(qtbot: QtBot) -> None:
    """A shortcut does not say that its key repeats; the event before it does."""
    store = Store(opened())
    sent: list[Event] = []
    store.effects.append(lambda event, before, after: sent.append(event))
    window = MainWindow(store, Source())
    qtbot.addWidget(window)
    right, none = Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier
    action = window.actions_by_title["One event on, on the focused lane"]
    for repeats in (False, True, True, False):
        event = QKeyEvent(QEvent.Type.ShortcutOverride, right, none, "", repeats)
        QApplication.sendEvent(window.views["timeline"], event)
        action.trigger()
    action.trigger()
    store.fold()
    assert [event.held for event in sent if isinstance(event, Step)] == [False, True, True, False, False]


def test_the_keys_of_the_building_turn_it_and_go_into_it(qtbot: QtBot) -> None:
    window = MainWindow(Store(), Source())
    qtbot.addWidget(window)
    stage = window.building.stage
    first = stage.camera
    for command in COMMANDS:
        if command.look is not None:
            stage.look_from(first)
            window.do(command)
            assert (stage.camera == first) == (command.look == "whole"), command.title
    window.do(next(command for command in COMMANDS if command.ask == "rooms"))
    assert window.focusWidget() is stage
