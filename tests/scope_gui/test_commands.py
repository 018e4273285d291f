"""One table of commands: no key twice, no command without a way to reach it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from PySide6.QtGui import QKeySequence

from scope_gui.commands import (
    MENUS,
    NO_SETTINGS,
    Command,
    all_commands,
    key_of,
    matching,
    shown_key,
    with_letter,
    with_ways,
)
from scope_gui.settings.keys import SPEED_DIGITS
from tests.interpreters import ROOT
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


def words_of_notices() -> Iterator[tuple[str, str]]:
    """(name of the argument, what is written there) of every notice that is made in the views or in the window."""
    for path in [path for folder in ("views", "scope_gui") for path in (ROOT / folder).rglob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        written = {
            name.id: node.value.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for name in node.targets
            if isinstance(name, ast.Name)
        }
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and getattr(call.func, "id", getattr(call.func, "attr", "")) == "Notice":
                for name, part in [("text", call.args[0]), *((word.arg, word.value) for word in call.keywords)]:
                    for one in ast.walk(part):
                        said = one.value if isinstance(one, ast.Constant) else written.get(getattr(one, "id", ""))
                        if isinstance(said, str):
                            yield str(name), said


def test_what_can_be_done_next_is_said_by_the_titles_of_commands_and_no_notice_names_a_key() -> None:
    words = list(words_of_notices())
    hints = [said for name, said in words if name == "hint"]
    assert len(hints) > 8
    assert all("{" in said and "{" not in with_ways(said, NO_SETTINGS) for said in hints)
    keys = {key_of(command.title, NO_SETTINGS) for command in COMMANDS if command.keys}
    named = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, sorted(keys)))})(?= \w+s\b)")
    assert [said for _, said in words if named.search(said)] == []


def test_a_command_without_a_key_is_told_by_its_place_in_the_menus() -> None:
    assert with_ways("{Undo} brings it back.", {"keys.Undo": ()}) == "Mark ▸ Undo brings it back."


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
