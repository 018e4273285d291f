"""What stands in the menus beside titles and keys, `scope_gui.menu_lines`; keys that commands have been given."""

from __future__ import annotations

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QApplication, QMenu

from scope_gui.commands import MENUS, all_commands, key_of
from scope_gui.menu_lines import BEGINNINGS, begins_a_group, is_on
from tests.scope_gui.window.test_parts import Desk
from tests.views.windows import after, opened
from views.inspector.state import ToggleSource
from views.loop import events as e
from views.loop.state import Assigns

COMMANDS = all_commands()


def ticked(assigns: Assigns, *beginning: str) -> list[str]:
    """The titles of the ticked commands that begin so."""
    return [command.title for command in COMMANDS if command.title.startswith(beginning) and is_on(command, assigns)]


def actions(menu: QMenu) -> list[QAction]:
    """What stands in a menu as it opens."""
    menu.aboutToShow.emit()
    return menu.actions()


def test_of_choices_one_is_ticked_and_switches_when_they_are_on() -> None:
    now = opened()
    assert ticked(now, "Theme:", "Heat:", "Look at it:", "Height:") == [
        "Heat: activity", "Look at it: corner", "Height: calls", "Theme: dark",
    ]  # fmt: skip
    assert ticked(after(now, e.SetTheme(theme="contrast")), "Theme:") == ["Theme: high contrast"]
    system = after(now, e.ChangeSetting(name="theme", value="system"))
    assert ticked(system, "Theme:") == ["Theme: as the desktop has it"]
    assert ticked(now, "Source lines", "Bookmark this", "Play, pause") == []
    on = after(now, ToggleSource(), e.AddBookmark(), e.Play(on=True))
    assert ticked(on, "Source lines", "Bookmark this", "Play, pause") == [
        "Play, pause or freeze", "Source lines beside the stack", "Bookmark this moment, or take it away",
    ]  # fmt: skip


def test_groups_begin_at_commands_that_there_are() -> None:
    assert set(BEGINNINGS) <= {command.title for command in COMMANDS}
    for menu in MENUS:
        own = [command for command in COMMANDS if command.menu == menu]
        groups = 1 + sum(begins_a_group(command, own[:at]) for at, command in enumerate(own))
        assert not begins_a_group(own[0], [])
        assert groups >= 2 or len(own) <= 5, menu
        longest = max(len(own) // groups, 1)
        assert longest <= 8, menu


def test_the_menus_of_a_window_have_ticks_lines_and_keys(desk: Desk) -> None:
    window = desk.window
    shown = {name: actions(menu) for name, menu in window.menus_by_name.items()}
    for name, found in shown.items():
        assert any(action.isSeparator() for action in found) or len(found) <= 5, name
        assert not found[0].isSeparator()
        assert not found[-1].isSeparator()
    by_title = {action.text(): action for found in shown.values() for action in found}
    assert by_title["Layout: building above the timeline"].isChecked()
    assert not by_title["Layout: timeline alone"].isChecked()
    assert by_title["Timeline"].isChecked()
    assert by_title["Next exception"].shortcut().toString() == "X"
    assert not by_title["Next exception"].isCheckable()
    by_title["Theme: light"].trigger()
    desk.do()
    actions(window.menus_by_name["Window"])
    assert by_title["Theme: light"].isChecked()
    assert not by_title["Theme: dark"].isChecked()


def test_a_key_that_was_given_is_that_of_the_menu_the_buttons_and_the_window(desk: Desk) -> None:
    given = {"keys.Find anything": ("Ctrl+Alt+F",), "keys.Start": (), "keys.Finding 1": ("F9",)}
    desk.do(*(e.ChangeSetting(name=name, value=keys) for name, keys in given.items()))
    window, settings = desk.window, desk.store.assigns.settings
    assert window.actions_by_title["Find anything"].shortcuts() == [QKeySequence("Ctrl+Alt+F")]
    assert window.actions_by_title["Start"].shortcuts() == []
    assert window.header.find_button.text() == "Search  Ctrl+Alt+F"
    assert window.header.find_button.toolTip() == "Find anything  (Ctrl+Alt+F)"
    assert window.transport._buttons[0].toolTip() == "Start"
    assert key_of("Finding 1", settings) == "F9"
    QApplication.processEvents()
    desk.do(e.ChangeSetting(name="keys.Start", value=None))
    assert window.actions_by_title["Start"].shortcuts() == [QKeySequence("Home")]
    assert window.transport._buttons[0].toolTip() == "Start  (Home)"
