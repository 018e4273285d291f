"""A program that Scope starts has the descriptors that it would have without Scope: those it was given, at their
numbers, and none more. `make` hands on its job server so, systemd its sockets, a shell what `<(...)` stands for."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.scope_command import COMMAND, scope_json

LISTS = Path(__file__).parent / "programs" / "lists_descriptors.py"
OUT_OF_THE_WAY = 128

SHELL = {
    "plain": "{}",
    "none of the standard ones": "{} <&- >&- 2>&-",
    "no standard input": "{} <&-",
    "some more": "{} 5</dev/zero 7>>/dev/null 9<&0",
    "what stands for a command": "{} <(echo one) >(cat)",
}


def words(session: Path | None, *program: object) -> list[str]:
    """A command, bare or recorded."""
    recorded = [] if session is None else [*COMMAND, "run", "--no-window", "-o", str(session), "--"]
    return [*recorded, sys.executable, *map(str, program)]


def answer_of(path: Path) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(path.read_text())
    path.unlink()
    return answer


def own_descriptors(answer: dict[str, Any]) -> dict[int, str]:
    """By number what kind it is; those of Scope's agent are high, and closed in what the program starts."""
    rows = {int(number): row for number, row in answer["descriptors"].items()}
    ours = {number for number, (_, inheritable) in rows.items() if number >= OUT_OF_THE_WAY and not inheritable}
    return {number: re.sub(r"\[\d+\]", "", what) for number, (what, _) in rows.items() if number not in ours}


@pytest.mark.parametrize("how", SHELL)
def test_descriptors_are_the_same_bare_and_recorded(how: str, tmp_path: Path) -> None:
    seen = []
    for session in (None, tmp_path / "s.scope"):
        command = shlex.join(words(session, LISTS, tmp_path / "answer"))
        subprocess.run(["bash", "-c", SHELL[how].format(command)], stdin=subprocess.DEVNULL, timeout=60, check=True)
        seen.append(own_descriptors(answer_of(tmp_path / "answer")))
    assert seen[0] == seen[1]
    assert scope_json("info", tmp_path / "s.scope", "--json")["kinds"]["call"] >= 2, "it was recorded"


def test_the_job_server_of_make_reaches_the_program(tmp_path: Path) -> None:
    seen = []
    for session in (None, tmp_path / "s.scope"):
        (tmp_path / "Makefile").write_text(f"all:\n\t+{shlex.join(words(session, LISTS, tmp_path / 'answer'))}\n")
        subprocess.run(["make", "-j2"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": ""}, timeout=60, check=True)
        seen.append(own_descriptors(answer_of(tmp_path / "answer")))
    assert seen[0] == seen[1]


def test_sockets_of_systemd_are_meant_for_the_program(tmp_path: Path) -> None:
    """LISTEN_PID says for whom: the process that systemd has started, which is ours."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        for session in (None, tmp_path / "s.scope"):
            command = shlex.join(words(session, LISTS, tmp_path / "answer"))
            activated = f"LISTEN_FDS=1 LISTEN_PID=$$ exec {command} 3<&{listening.fileno()} {listening.fileno()}<&-"
            subprocess.run(["bash", "-c", activated], pass_fds=[listening.fileno()], timeout=60, check=True)
            assert answer_of(tmp_path / "answer")["listens_at"] == listening.getsockname()[1]


def test_what_the_program_closes_is_closed(tmp_path: Path) -> None:
    """The recorder keeps nothing open that it was only to pass on: a reader of that pipe would wait for ever."""
    reading, writing = os.pipe()
    code = f"import os, sys; os.write({writing}, b'words'); os.close({writing}); sys.stdin.read()"
    process = subprocess.Popen(
        words(tmp_path / "s.scope", "-c", code), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, pass_fds=[writing]
    )
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"words"
    assert process.poll() is None
    process.communicate(timeout=60)
    assert process.returncode == 0
