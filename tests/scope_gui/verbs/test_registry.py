"""One row of VERBS is all that a verb needs: everything that knows verbs derives from it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import pytest

from scope_gui import command_line, commands
from scope_gui.verbs import registry
from scope_gui.verbs.registry import VERBS, InWindow, Verb
from tests.scope_command import scope_here

GREET = Verb(
    "greet",
    "keep",
    "say good morning to a session",
    __name__,
    codes=((0, "it answers"), (2, "wrong usage"), (7, "it is asleep")),
    window=InWindow("Greet the session", "Greeting {name}", keys="Ctrl+Alt+G"),
)


def flags(parser: argparse.ArgumentParser) -> None:
    """Whom."""
    parser.add_argument("whom")
    parser.add_argument("--asleep", action="store_true", help="nobody is up yet")


def run(arguments: argparse.Namespace) -> int:
    """Greets."""
    print(f"good morning, {arguments.whom}")
    return 7 if arguments.asleep else 0


@pytest.fixture
def with_greet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "VERBS", (*VERBS, GREET))
    yield
    command_line._parser.cache_clear()


@pytest.mark.usefixtures("with_greet")
def test_a_made_up_verb_is_in_help_and_runs_with_its_codes() -> None:
    said = scope_here(["--help"]).stdout
    assert "  greet      say good morning to a session\n" in said
    its_own = scope_here(["greet", "--help"]).stdout
    assert "--asleep" in its_own
    assert "7    it is asleep" in its_own
    done = scope_here(["greet", "orders.scope"])
    assert (done.returncode, done.stdout) == (0, "good morning, orders.scope\n")
    assert scope_here(["greet", "orders.scope", "--asleep"]).returncode == 7
    assert scope_here(["greet"]).returncode == 2


@pytest.mark.usefixtures("with_greet")
def test_a_made_up_verb_is_a_command_of_the_window() -> None:
    command = commands.verb_commands(registry.VERBS)[-1]
    assert (command.title, command.verb, command.keys) == ("Greet the session", "greet", ("Ctrl+Alt+G",))
    assert set(commands.verb_commands(VERBS)) <= set(commands.COMMANDS)


def test_what_nobody_typed_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attach must not wait for what only another verb needs."""
    monkeypatch.setattr(registry, "VERBS", (*VERBS, GREET._replace(module="scope_gui.verbs.nosuch")))
    assert scope_here(["--help"]).returncode == 0
    assert "scope_gui.verbs.nosuch" not in sys.modules
    command_line._parser.cache_clear()
