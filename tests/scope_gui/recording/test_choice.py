"""Choices in a dialog become exactly the words that the command line understands."""

from __future__ import annotations

import doctest
import os
from pathlib import Path

import pytest

from capture.errors import TargetProblem
from scope_gui.command_line import build_parser
from scope_gui.recording import choice as capture_choice
from scope_gui.recording.choice import (
    CaptureChoice,
    new_session_path,
    patterns,
    program_name,
    recordings_folder,
    words_of,
)


def test_the_examples_hold() -> None:
    assert doctest.testmod(capture_choice).failed == 0


def test_the_defaults_need_no_word() -> None:
    assert CaptureChoice().words() == ()


def test_the_command_line_reads_back_what_was_chosen() -> None:
    choice = CaptureChoice(
        mode="state",
        include=("orders.*", "my pkg"),
        exclude=("orders.audit",),
        state=("orders.inventory.Stock",),
        when_full="block",
        memory_mib=64,
    )
    read = build_parser().parse_args(["attach", "12", *choice.words()])
    assert (read.mode, read.when_full, read.memory) == ("state", "block", 64)
    assert (tuple(read.include), tuple(read.exclude), tuple(read.state)) == (
        choice.include,
        choice.exclude,
        choice.state,
    )


def test_a_program_after_the_flags_keeps_its_own_flags() -> None:
    read = build_parser().parse_args(
        ["run", *CaptureChoice(mode="minimal").words(), "--", "python", "a.py", "--mode", "x"]
    )
    assert (read.mode, read.command[-4:]) == ("minimal", ["python", "a.py", "--mode", "x"])


@pytest.mark.parametrize("text", ["python 'app.py", 'python "a b'])
def test_an_open_quote_is_said_in_one_sentence(text: str) -> None:
    with pytest.raises(TargetProblem, match="cannot be read: no closing quotation"):
        words_of(text)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("python app.py --port 80", "app"),
        ("/opt/bin/python3.13t -u -m package.tool", "package.tool"),
        ("./run me.sh", "run"),
        ("python3", "program"),
        ("python ../..", "program"),
        ("python =cmd\x1b[31m\u202e.py", "_cmd_[31m_".replace("[", "_")),
    ],
)
def test_a_session_is_named_after_its_program(command: str, name: str) -> None:
    assert program_name(command.split()) == name


def test_a_program_of_any_name_gets_a_session_whose_name_a_folder_can_hold() -> None:
    longest = "\U00020000" * 62 + ".py"  # as many bytes as a name can have
    assert len(os.fsencode(new_session_path(Path("/srv"), program_name(["python", longest])).name)) <= 255


def test_sessions_are_kept_by_name_and_time_in_a_folder_people_find_again() -> None:
    assert new_session_path(Path("/srv"), "app", 0.0).name.startswith("app-19")
    assert new_session_path(Path("/srv"), "app").suffix == ".scope"
    assert recordings_folder() == Path("~/Scope").expanduser()
    assert recordings_folder("/srv/keep") == Path("/srv/keep")
    assert patterns(" , ") == ()
