"""Programs are started as they would be without Scope, recorded from their first line where that is possible."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from capture.attach.launch import Launched, _ask_interpreter, launch
from capture.errors import TargetProblem
from capture.settings import CaptureSettings
from tests.interpreters import Interpreter

SETTINGS = CaptureSettings()
REPORT = """
import json, os, sys
def report(path):
    with open(path, "w") as file:
        json.dump({"argv": sys.argv, "name": __name__, "flags": [sys.flags.optimize, sys.flags.dev_mode],
                   "path0": sys.path[0], "pid": os.getpid()}, file)
report(sys.argv[1])
sys.exit(7)
"""


@pytest.fixture
def pool_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "pool" / "1"
    folder.mkdir(parents=True, mode=0o700)
    return folder


@pytest.fixture(autouse=True)
def private_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Scope's private folders are gone after each test."""
    with tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        yield
        assert list(Path(folder).iterdir()) == []


def ended(launched: Launched) -> int:
    process, channel, _ = launched
    try:
        return process.wait(30)
    finally:
        process.kill()
        process.wait()
        if channel is not None:
            channel.close()


def test_a_script_runs_as_itself_and_is_recorded(interpreter: Interpreter, tmp_path: Path, pool_dir: Path) -> None:
    script, answer = tmp_path / "app.py", tmp_path / "answer"
    script.write_text(REPORT)
    process, channel, _ = launch(
        [str(interpreter.path), "-O", "-Xdev", str(script), str(answer), "-x"], SETTINGS, pool_dir, 1
    )
    assert channel is not None
    assert channel.hello["python"].startswith(interpreter.minor)
    assert (pool_dir / "pool.bin").exists()
    assert ended(Launched(process, channel, process.pid)) == 7
    told = json.loads(answer.read_text())
    assert told == {
        "argv": [str(script), str(answer), "-x"],
        "name": "__main__",
        "flags": [1, True],
        "path0": str(tmp_path),
        "pid": process.pid,
    }


def test_a_module_and_a_line_of_code_are_recorded(interpreter: Interpreter, tmp_path: Path, pool_dir: Path) -> None:
    answer = tmp_path / "answer"
    code = f"open({str(answer)!r}, 'w').write('code')"
    assert ended(launch([str(interpreter.path), "-uc", code], SETTINGS, pool_dir, 1)) == 0
    assert answer.read_text() == "code"
    source = tmp_path / "in.json"
    source.write_text('{"a":1}')
    other = tmp_path / "pool" / "2"
    command = [str(interpreter.path), "-m", "json.tool", str(source), str(answer)]
    assert ended(launch(command, SETTINGS, other, 2)) == 0
    assert json.loads(answer.read_text()) == {"a": 1}
    assert (other / "pool.bin").exists()


def test_a_module_without_an_interpreter_runs_under_scopes_own(tmp_path: Path, pool_dir: Path) -> None:
    source = tmp_path / "in.json"
    source.write_text("[1]")
    process, channel, _ = launch(["-m", "json.tool", str(source), str(tmp_path / "out")], SETTINGS, pool_dir, 1)
    assert channel is not None and channel.hello["executable"] == sys.executable
    assert ended(Launched(process, channel, process.pid)) == 0


def test_a_console_script_is_recorded_through_its_shebang(tmp_path: Path, pool_dir: Path) -> None:
    script, answer = tmp_path / "tool", tmp_path / "answer"
    script.write_text(f"#!{sys.executable}\n{REPORT}")
    script.chmod(0o755)
    process, channel, _ = launch([str(script), str(answer)], SETTINGS, pool_dir, 1)
    assert channel is not None
    assert ended(Launched(process, channel, process.pid)) == 7
    assert json.loads(answer.read_text())["argv"] == [str(script), str(answer)]


def test_another_program_is_started_to_be_observed(tmp_path: Path, pool_dir: Path) -> None:
    launched = launch(["/bin/sh", "-c", f"echo started > {tmp_path}/answer; exit 3"], SETTINGS, pool_dir, 1)
    assert launched[1] is None
    assert ended(launched) == 3
    assert (tmp_path / "answer").read_text() == "started\n"
    assert list(pool_dir.iterdir()) == []


def test_in_observe_mode_python_is_started_plainly(interpreter: Interpreter, pool_dir: Path) -> None:
    observe = CaptureSettings(mode="observe")
    launched = launch([str(interpreter.path), "-c", "raise SystemExit(4)"], observe, pool_dir, 1)
    assert launched[1] is None
    assert ended(launched) == 4
    launched = launch(["-c", "raise SystemExit(5)"], observe, pool_dir, 1)
    assert ended(launched) == 5


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ([], "no program to run"),
        (["no-such-program-here"], "'no-such-program-here' cannot be started: No such file"),
        (["/etc"], "cannot be started: Permission denied"),
    ],
)
def test_what_cannot_be_started_is_said_in_one_sentence(argv: list[str], sentence: str, pool_dir: Path) -> None:
    with pytest.raises(TargetProblem, match=sentence):
        launch(argv, SETTINGS, pool_dir, 1)


def test_a_script_that_does_not_exist_is_reported_by_python_itself(
    interpreter: Interpreter, pool_dir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(TargetProblem, match=r"ended \(exit status 2\) before its recording could begin"):
        launch([str(interpreter.path), "missing.py"], SETTINGS, pool_dir, 1)
    assert "can't open file" in capfd.readouterr().err


def fake_interpreter(tmp_path: Path, answer: list[object]) -> Path:
    """A program called python3 that answers like another interpreter and must never run anything else."""
    fake = tmp_path / "python3"
    fake.write_text(f"#!/bin/sh\n[ \"$1\" = -I ] || touch {tmp_path}/ran\necho '{json.dumps(answer)}'\n")
    fake.chmod(0o755)
    return fake


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (["cpython", 0x030912F0, "3.9.18", False, ""], "is Python 3.9.18; Scope records 3.10 and later"),
        (["cpython", 0x031400F0, "3.20.0", False, ""], "is Python 3.20.0, which this Scope does not know"),
        (["cpython", 0x030D00F0, "3.13.0", True, ""], "is a free-threaded Python"),
        (["pypy", 0x030A00F0, "3.10.0", False, ""], "is pypy; Scope records CPython"),
        (["cpython"], "does not answer like a Python interpreter"),
    ],
)
def test_an_interpreter_that_cannot_be_recorded_is_named_before_anything_runs(
    answer: list[object], sentence: str, tmp_path: Path, pool_dir: Path
) -> None:
    fake = fake_interpreter(tmp_path, answer)
    with pytest.raises(TargetProblem, match=sentence) as problem:
        launch([str(fake), "app.py"], SETTINGS, pool_dir, 1)
    assert "--mode observe" in str(problem.value)
    assert not (tmp_path / "ran").exists()


def test_a_shim_in_front_of_an_interpreter_is_looked_through(tmp_path: Path, pool_dir: Path) -> None:
    shim = tmp_path / "python3"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    shim.chmod(0o755)
    process, channel, _ = launch([str(shim), "-c", "pass"], SETTINGS, pool_dir, 1)
    assert channel is not None and channel.hello["executable"] == sys.executable
    assert ended(Launched(process, channel, process.pid)) == 0


def test_interpreters_are_asked_once() -> None:
    modified_ns = Path(sys.executable).stat().st_mtime_ns
    before = _ask_interpreter.cache_info().misses
    first = _ask_interpreter(sys.executable, modified_ns)
    assert first is not None and first.hexversion == sys.hexversion
    assert _ask_interpreter(sys.executable, modified_ns) is first
    assert _ask_interpreter.cache_info().misses <= before + 1


def test_standard_input_and_output_are_ours(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from capture.attach.launch import launch
from capture.settings import CaptureSettings
command = [{sys.executable!r}, "-c", "print(input().upper())"]
process, channel, _ = launch(command, CaptureSettings(), Path({str(tmp_path)!r}) / "pool" / "1", 1)
assert channel is not None
raise SystemExit(process.wait())
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=b"hello\n",
        capture_output=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "TMPDIR": tempfile.gettempdir()},
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"HELLO\n", b"")
