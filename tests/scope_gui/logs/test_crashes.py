"""A failure of Scope itself is kept as a report on this machine, whatever ended the process, and shown to the user."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scope_gui.logs import crashes, own_files
from tests.scope_command import scope, scope_json

FAILS = """
import sys
from scope_gui import cli
from scope_gui.verbs import info
secret = "hunter2"
def run(arguments, secret=secret):
    raise ZeroDivisionError("of the test\\x1b[2J")
info.run = run
sys.argv = ["scope-gui", "info", "--json", "secret.scope"]
sys.exit(cli.main())
"""
ENDS = """
import ctypes, os, signal, sys
from scope_gui.logs.crashes import keeping_what_ends_at_once
with keeping_what_ends_at_once():
    os.kill(os.getpid(), int(sys.argv[1]))
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    crashes._told.clear()
    return tmp_path / "scope-gui"


def python(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)


def test_a_verb_that_fails_leaves_a_report_and_says_where(state: Path) -> None:
    done = python(FAILS)
    assert done.returncode == 1
    assert "ZeroDivisionError: of the test" in done.stderr
    [report] = scope_json("crashes", "--json")["reports"]
    assert f"a report for you to read is in {state / report['name']}; nothing was sent" in done.stderr
    assert "ZeroDivisionError: of the test" in report["headline"]
    text = scope("crashes", report["name"]).stdout
    assert "where: info, process " in text
    assert ", in run" in text
    assert "hunter2" not in text
    assert "secret.scope" not in text.partition("The log before it:")[0]
    assert "\x1b" not in text
    assert (state / report["name"]).stat().st_mode & 0o077 == 0
    assert scope("crashes").stdout.split()[0] == report["name"]
    scope("crashes", report["name"], "--delete")
    assert scope_json("crashes", "--json")["reports"] == []


def test_wrong_words_of_the_verb_are_one_sentence() -> None:
    assert "goes with the name of a report" in scope("crashes", "--delete", expect=2).stderr
    for name in ("crash-20260101T000000Z-1.txt", "../../etc/passwd", "scope-gui.log"):
        assert "There is no crash report" in scope("crashes", name, expect=1).stderr
    assert "Scope has not failed here" in scope("crashes").stdout


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
def test_what_ends_at_once_leaves_its_stacks(number: signal.Signals) -> None:
    assert python(ENDS, str(int(number))).returncode == -number
    [report] = crashes.reports()
    assert "Fatal Python error" in report.headline
    assert "line 5 in <module>" in crashes.read_report(report.name)
    assert crashes.reports() == [report]


def test_a_process_that_was_killed_or_ended_well_leaves_nothing(state: Path) -> None:
    assert python(ENDS, str(int(signal.SIGKILL))).returncode == -signal.SIGKILL
    assert python(ENDS, "0").returncode == 0
    assert crashes.reports() == []
    assert list(state.iterdir()) == []


def test_a_living_process_keeps_its_file(state: Path) -> None:
    with crashes.keeping_what_ends_at_once():
        assert crashes.reports() == []
        assert len(list(state.iterdir())) == 1


def test_the_same_failure_makes_one_report_and_the_reports_stay_few() -> None:
    def fail(kind: type[Exception]) -> None:
        try:
            raise kind("again")
        except Exception as error:
            crashes.write_report(error, "test")

    for _ in range(60):
        fail(ValueError)
    assert len(crashes.reports()) == 1
    for _ in range(2 * crashes.MOST_REPORTS):
        crashes._told.clear()
        fail(KeyError)
    assert len(crashes.reports()) <= crashes.MOST_REPORTS


def test_no_link_is_followed_and_another_users_folder_is_left_alone(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    state.mkdir()
    (state / "scope-gui.log").symlink_to(victim)
    assert python(FAILS).returncode == 1
    assert victim.read_text() == "mine"
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(PermissionError), own_files.opened_folder(make=True):
        pass
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "new"))
    with pytest.raises(PermissionError), own_files.opened_folder(make=True):
        pass
    assert not (tmp_path / "new").exists()


def test_where_nothing_can_be_kept_a_failure_is_told_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    done = python(FAILS)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "report" not in done.stderr
    assert json.loads(scope("crashes", "--json").stdout)["reports"] == []


def test_a_run_of_tests_in_which_scope_fails_fails(tmp_path: Path) -> None:
    """So no test passes beside a failure of ours that only stderr has heard of."""
    (tmp_path / "test_it.py").write_text(
        "from scope_gui.logs import crashes\ndef test_it():\n    crashes.write_report(ValueError('unseen'), 'a test')\n"
    )
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", f"--rootdir={tmp_path}", str(tmp_path)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout
    assert done.returncode == 1, done.stderr
    assert "Scope failed in this run" in done.stderr
