"""A person's environment and folder reach the program that they run, untouched, and nothing of it reaches Scope."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from capture.own_process import own_command
from tests.scope_command import COMMAND, scope_json

SCRIPT = [str(Path(sys.executable).with_name("scope-gui"))]
OURS = (SCRIPT, COMMAND, own_command("scope_gui"))
NAMES = ("capture", "dags", "views", "argparse", "msgspec", "psutil", "json", "usercustomize")
TELL = """
import json, os, sys
names = sorted(name for name in os.environ if name.startswith("PYTHON"))
with open(sys.argv[1], "w") as file:
    json.dump({"names": names, "path": os.environ.get("PYTHONPATH"), "warn": sys.warnoptions, "mine": mine.WORD}, file)
"""


def run(
    command: list[str], *words: object, cwd: Path, stdin: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *map(str, words)],
        cwd=cwd,
        env={**os.environ, **variables},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder with modules of our names, of the standard library's and of our libraries'."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(f"raise SystemExit('the user\\'s {name} ran inside Scope')\n")
    return folder


@pytest.mark.parametrize("command", OURS, ids=("script", "module", "own"))
def test_a_pythonpath_with_modules_of_our_names_does_not_reach_us(command: list[str], hostile: Path) -> None:
    for folder in (hostile, hostile.parent):
        done = run(command, "doctor", os.getpid(), "--json", cwd=folder, PYTHONPATH=str(hostile))
        assert "inside Scope" not in done.stdout + done.stderr
        assert done.stdout.startswith("{"), done.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONWARNINGS": "error"},
        {"PYTHONINSPECT": "1"},
        {"PYTHONSTARTUP": "/no/such/file"},
        {"PYTHONDEVMODE": "1"},
        {"PYTHONPROFILEIMPORTTIME": "1"},
        {"PYTHONVERBOSE": "1"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_what_changes_an_interpreter_does_not_change_ours(variables: dict[str, str], tmp_path: Path) -> None:
    done = run(SCRIPT, "--version", cwd=tmp_path, stdin="raise SystemExit(9)\n", **variables)
    assert (done.returncode, done.stdout.splitlines()) == (0, [f"scope-gui {done.stdout.split()[-1]}"])
    assert "scope" not in done.stderr or variables.keys() & {"PYTHONVERBOSE", "PYTHONPROFILEIMPORTTIME"}


def test_the_program_gets_its_environment_untouched_and_the_recording_is_whole(tmp_path: Path, hostile: Path) -> None:
    (hostile / "mine.py").write_text("WORD = 'from the path of the user'\n")
    (tmp_path / "tell.py").write_text("import mine\n" + TELL)
    (hostile / "json.py").unlink()  # the program needs that one
    (hostile / "usercustomize.py").unlink()
    session, bare, recorded = (tmp_path / name for name in ("s.scope", "bare", "recorded"))
    variables = {"PYTHONPATH": str(hostile), "PYTHONWARNINGS": "default", "PYTHONHASHSEED": "7"}
    program = [sys.executable, str(tmp_path / "tell.py")]
    assert run(program, bare, cwd=hostile, **variables).returncode == 0
    done = run(SCRIPT, "run", "--no-window", "-o", session, "--", *program, recorded, cwd=hostile, **variables)
    assert done.returncode == 0, done.stderr
    assert recorded.read_text() == bare.read_text()
    assert "from the path of the user" in bare.read_text()
    info = scope_json("info", session, "--json")
    assert info["complete"]
    assert info["kinds"]["call"] >= 1


def test_a_deleted_folder_is_no_reason_not_to_record_or_to_ask(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def f():\n    pass\n\n\nf()\n")
    gone = tmp_path / "gone"
    gone.mkdir()
    session = tmp_path / "s.scope"
    words = [*SCRIPT, "run", "--no-window", "-o", str(session), "--", sys.executable, str(tmp_path / "app.py")]
    script = 'rmdir "$PWD"; exec "$@"'
    done = run(["sh", "-c", script, "sh", *words], cwd=gone)
    assert done.returncode == 0, done.stderr
    gone.mkdir()
    asked = run(["sh", "-c", script, "sh", *SCRIPT, "query", str(session), "SELECT count(*) FROM calls"], cwd=gone)
    assert (asked.returncode, asked.stdout.split()[-1]) == (0, "2"), asked.stderr


def test_an_answer_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    for where, reason in ((">&-", "Bad file descriptor"), (">/dev/full", "No space left on device")):
        done = run(["sh", "-c", f'exec "$@" {where}', "sh", *SCRIPT, "doctor", str(os.getpid())], cwd=tmp_path)
        assert done.returncode == 1
        assert done.stderr == f"scope-gui: The answer cannot be written to standard output: {reason}.\n"


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full", "2>&1 | true", "<&- >&- 2>&-"])
def test_words_that_nobody_can_hear_do_not_end_a_recording(where: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def f():\n    pass\n\n\nf()\n")
    session = tmp_path / "s.scope"
    words = [*SCRIPT, "run", "--no-window", "-o", str(session), "--", sys.executable, str(tmp_path / "app.py")]
    run(["sh", "-c", f'"$@" {where}', "sh", *words], cwd=tmp_path)
    assert scope_json("verify", session, "--json")["ok"]
    assert scope_json("info", session, "--json")["kinds"]["call"] == 2
