"""Third-party libraries for targets: they come from the folder asked for; what lacks one is skipped by name."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests import interpreters, thirdparty
from tests.interpreters import Interpreter

LIBRARIES = ("gevent", "greenlet", "attrs", "django", "flask", "celery", "coverage", "debugpy", "jinja2", "uvloop")


def test_a_target_finds_the_libraries_in_a_folder_that_counts_as_installed(interpreter: Interpreter) -> None:
    folder = thirdparty.packages(interpreter, *LIBRARIES)
    assert folder.name == "site-packages"
    code = "import sys, attr, celery, coverage, debugpy, django, flask, gevent, greenlet, jinja2, uvloop\n"
    code += "print({name.partition('.')[0] for name, module in sys.modules.items() if '/packages/' in str(module)})"
    done = subprocess.run(
        [interpreter.path, "-W", "ignore", "-c", code],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert {"attr", "celery", "gevent", "greenlet", "uvloop"} <= eval(done.stdout)


def test_what_has_no_wheel_is_a_skip_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interpreter = interpreters.found()[-1]
    monkeypatch.setattr(thirdparty, "installed", lambda _: tmp_path)
    with pytest.raises(pytest.skip.Exception, match=f"gevent: no wheel for CPython {interpreter.minor}"):
        thirdparty.packages(interpreter, "gevent")


def test_an_index_that_does_not_answer_is_a_skip_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Port 9 of this machine answers nobody."""
    interpreter = interpreters.found()[-1]
    monkeypatch.setattr(thirdparty, "FOLDER", tmp_path)
    monkeypatch.setattr(thirdparty, "installed", thirdparty.installed.__wrapped__)
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(pytest.skip.Exception, match=f"no gevent for CPython {interpreter.minor}: pip failed: "):
        thirdparty.packages(interpreter, "gevent")
    assert not list(tmp_path.rglob("site-packages"))
