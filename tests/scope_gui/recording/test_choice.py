"""What is recorded is called, and where it goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from capture.errors import TargetProblem
from scope_gui.recording.choice import (
    new_session_path,
    patterns,
    program_name,
    recordings_folder,
    words_of,
)


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
