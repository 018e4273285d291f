"""The window's panels, without a screen."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from scope_gui.commands import COMMANDS
from scope_gui.window.window import MainWindow
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
