"""One table of commands: no key twice, no command without a way to reach it."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QKeySequence

from scope_gui.commands import MENUS, Command, all_commands, matching, shown_key, with_letter
from scope_gui.settings.keys import SPEED_DIGITS
from tests.views.windows import opened
from views.loop.state import Assigns
from views.loop.update import handle_event

COMMANDS = all_commands()


def test_no_two_commands_share_a_key() -> None:
    keys = [QKeySequence(key).toString() for command in COMMANDS for key in command.keys] + list(SPEED_DIGITS)
    assert len(keys) > 40
    assert sorted(keys) == sorted(set(keys))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.title)
def test_every_command_does_one_thing_and_its_keys_exist(command: Command) -> None:
    things = [command.event, command.ask, command.look, command.verb, command.layout, command.panel]
    assert things.count(None) == len(things) - 1
    assert command.menu in MENUS
    for key in command.keys:
        assert QKeySequence(key).count() == 1
    if command.event is not None:
        assert isinstance(handle_event(opened(), command.event), Assigns)


def test_each_menu_is_opened_by_a_letter_of_its_own() -> None:
    letters = [name.partition("&")[2][0].casefold() for name in map(with_letter, MENUS)]
    assert len(set(letters)) == len(MENUS)
    assert not {f"Alt+{letter.upper()}" for letter in letters} & {key for command in COMMANDS for key in command.keys}


def test_titles_are_unique_because_the_palette_shows_nothing_else() -> None:
    titles = [command.title for command in COMMANDS]
    assert len(titles) == len(set(titles))


def test_every_key_of_the_design_has_its_command() -> None:
    design = "Space Left Right Shift+Left Ctrl+Right , . J K L Home End Up Down W S A D F 0 [ ] B N Shift+N M G / "
    design += "Ctrl+Shift+P Ctrl+O Ctrl+E Alt+Left Alt+Right ? Ctrl+K Ctrl+F F3 Shift+F3 Ctrl+F3 X Shift+X Z Alt+Up "
    design += "Alt+Down Return Escape Ctrl+[ Ctrl+]"
    have = {key for command in COMMANDS for key in command.keys}
    assert set(design.split()) <= have


def test_the_palette_finds_words_in_any_order_and_only_what_can_be_done() -> None:
    assert [command.title for command in matching("session open", session_open=False)] == ["Open a session"]
    assert matching("zoom", session_open=False) == []
    assert [command.title for command in matching("zoom", session_open=True)] == ["Zoom in", "Zoom out"]
    assert len(matching("", session_open=True)) == len(COMMANDS)


def test_keys_are_shown_as_on_the_keyboard() -> None:
    by_title = {command.title: shown_key(command) for command in COMMANDS}
    assert by_title["Ten events on"] == "Shift + →"
    assert by_title["Heat: CPU"] == ""
