"""What goes wrong in the world ends in one clear sentence on stderr and exit code 1: no traceback, nothing lost, the
target unharmed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import xxhash

from tests.interpreters import ONE_OF_EACH_WAY, ROOT, Interpreter, found
from tests.scope_command import run_recorded, scope, scope_json


def refused(*words: object) -> str:
    """The sentence that a verb fails with; `run` then ends with 125, because lower ones are the program's."""
    done = scope(*words, expect=125 if words[0] == "run" else 1)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert lines
    assert lines[0].startswith("scope-gui: ")
    assert len(lines) <= 2, done.stderr
    return lines[0].removeprefix("scope-gui: ")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A program that is no Python."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def small_session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished recording."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "app.py").write_text("def f(x):\n    return x + 1\nfor i in range(50):\n    f(i)\n")
    session = folder / "small.scope"
    run_recorded(session, [sys.executable, folder / "app.py"])
    return session


def test_pid_that_does_not_exist() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert str(ended.pid) in refused("attach", ended.pid, "--no-window")


def test_pid_that_is_not_python_offers_the_observe_tier(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert "--mode observe" in refused("attach", sleeper.pid, "--no-window", "-o", tmp_path / "a.scope")
    session = tmp_path / "b.scope"
    scope("attach", sleeper.pid, "--no-window", "--mode", "observe", "--duration", "0.6", "-o", session)
    assert sleeper.poll() is None
    frame = scope_json("frame", session, "--at", "end", "--json")
    [process] = frame["processes"]
    assert process["pid"] == sleeper.pid
    assert process["rss_bytes"] > 0
    assert frame["confidence"]["stacks"] == "not captured"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root: to own a process of another user")
def test_pid_of_somebody_else() -> None:
    libraries = {**os.environ, "PYTHONPATH": f"{ROOT}:{sysconfig.get_path('purelib')}"}
    nobody: dict[str, Any] = {"user": 65534, "group": 65534, "cwd": "/", "env": libraries, "capture_output": True}
    system = shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin:/usr/local/bin")
    python = next((p for p in (sys.executable, system) if p and can_run_scope(p, nobody)), None)
    if python is None:
        pytest.skip("no interpreter of this version that another user may run")
    stranger = subprocess.Popen(
        [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(600)"], stdout=subprocess.PIPE
    )
    try:
        assert stranger.stdout is not None
        stranger.stdout.readline()
        attach = [python, "-m", "scope_gui", "attach", str(stranger.pid), "--no-window"]
        done = subprocess.run(attach, text=True, check=False, **nobody)
        assert done.returncode == 1
        assert "belongs to" in done.stderr
        assert "Traceback" not in done.stderr
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
        assert stranger.stdout is not None
        stranger.stdout.close()


def can_run_scope(python: str, options: dict[str, Any]) -> bool:
    try:
        return subprocess.run([python, "-c", "import scope_gui.command_line"], check=False, **options).returncode == 0
    except PermissionError:
        return False


def test_remote_debugging_that_is_switched_off(tmp_path: Path) -> None:
    newest = found()[-1]
    process = subprocess.Popen(
        [newest.path, "-c", "import time; print(1, flush=True); time.sleep(600)"],
        env={**os.environ, "PYTHON_DISABLE_REMOTE_DEBUG": "1"},
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        assert "PYTHON_DISABLE_REMOTE_DEBUG" in refused(
            "attach", process.pid, "--no-window", "-o", tmp_path / "a.scope"
        )
        assert not (tmp_path / "a.scope").exists()
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.minors(*ONE_OF_EACH_WAY)
def test_target_that_ends_during_the_attach(interpreter: Interpreter, tmp_path: Path) -> None:
    """Whatever the moment, the outcome is a saved session or one sentence."""
    for number in range(6):
        process = subprocess.Popen([interpreter.path, "-c", f"import time; time.sleep({0.02 + 0.05 * number})"])
        session = tmp_path / f"{number}.scope"
        done = subprocess.run(
            [sys.executable, "-m", "scope_gui", "attach", str(process.pid), "--no-window", "-o", session],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert process.wait() == 0
        assert "Traceback" not in done.stderr
        assert done.returncode in {0, 1}
        assert session.exists() == (done.returncode == 0), done.stderr


def test_program_that_cannot_be_started(tmp_path: Path) -> None:
    assert "no-such-program" in refused("run", "--no-window", "-o", tmp_path / "a.scope", "--", "./no-such-program")
    assert not (tmp_path / "a.scope").exists()


def test_interpreter_that_is_too_old(tmp_path: Path) -> None:
    old = next((path for path in older_interpreters() if starts(path)), None)
    if old is None:
        pytest.skip("no Python older than 3.10 on this machine")
    assert "3.10" in refused("run", "--no-window", "-o", tmp_path / "a.scope", "--", old, "-c", "pass")
    process = subprocess.Popen(
        [old, "-c", "import time; print(1, flush=True); time.sleep(600)"], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        sentence = refused("attach", process.pid, "--no-window", "-o", tmp_path / "a.scope")
        assert "3.10" in sentence
        assert "--mode observe" in sentence
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def older_interpreters() -> Iterator[str]:
    """Pythons before 3.10 on PATH and among pyenv's."""
    for minor in (9, 8, 7, 6):
        if path := shutil.which(f"python3.{minor}"):
            yield path
    if shutil.which("pyenv"):
        root = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False).stdout.strip()
        yield from (str(path) for path in sorted(Path(root).glob("versions/3.[6-9].*/bin/python3"), reverse=True))


def starts(path: str) -> bool:
    return subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0


def test_session_that_exists_already(small_session: Path) -> None:
    before = sorted(small_session.rglob("*"))
    assert "already exists" in refused("run", "--no-window", "-o", small_session, "--", sys.executable, "-c", "pass")
    assert sorted(small_session.rglob("*")) == before


@pytest.mark.skipif(
    os.getuid() == 0 and not Path("/proc/self/status").exists(), reason="needs a folder that cannot be written"
)
def test_no_permission_to_write(tmp_path: Path) -> None:
    assert "cannot" in refused("run", "--no-window", "-o", "/proc/no/a.scope", "--", sys.executable, "-c", "pass")


@pytest.mark.parametrize(
    "verb", [["info"], ["verify"], ["frame", "--at", "end"], ["events"], ["query", "SELECT 1"], ["pack"]]
)
def test_what_is_not_a_session(verb: list[str], tmp_path: Path) -> None:
    name, *rest = verb
    empty, text, folder = tmp_path / "empty.scope", tmp_path / "text.scope", tmp_path / "folder.scope"
    empty.touch()
    text.write_text("hello")
    folder.mkdir()
    for path in (empty, text, folder, tmp_path / "missing.scope"):
        assert str(path) in refused(name, path, *rest)


def test_session_of_a_newer_version(small_session: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer.scope"
    shutil.copytree(small_session, newer)
    for name in ("manifest.json", "manifest.bak"):
        path = newer / name
        if path.exists():
            rewrite_version(path, b"99.0")
    assert "newer" in refused("info", newer)


def rewrite_version(path: Path, version: bytes) -> None:
    """Changes the version of a manifest and its checksum, as a future Scope would write them."""
    found = re.fullmatch(rb'\{"scope":"[^"]*","xxh3_64":"[^"]*","manifest":(.*)\}\n', path.read_bytes(), re.DOTALL)
    assert found
    checksum = xxhash.xxh3_64_hexdigest(version + found[1]).encode()
    path.write_bytes(b'{"scope":"%s","xxh3_64":"%s","manifest":%s}\n' % (version, checksum, found[1]))


@pytest.mark.parametrize("time", ["999h", "101%"])
def test_time_outside_the_run(small_session: Path, time: str) -> None:
    sentence = refused("frame", small_session, f"--at={time}")
    assert time in sentence


def test_bad_sql(small_session: Path) -> None:
    assert "nonsense" in refused("query", small_session, "SELECT * FROM nonsense")


def test_sql_cannot_touch_the_disk(small_session: Path, tmp_path: Path) -> None:
    out = tmp_path / "stolen.csv"
    refused("query", small_session, f"COPY (SELECT 1) TO '{out}'")
    refused("query", small_session, "SELECT * FROM read_csv('/etc/passwd')")
    assert not out.exists()


def test_wrong_usage_is_exit_code_2() -> None:
    assert scope("attach", "not-a-pid", expect=2).stderr
    assert scope("run", "--no-window", expect=2).stderr
    assert scope("no-such-verb", expect=2).stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MiB."""
    if os.getuid() != 0:
        pytest.skip("needs root: to mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.fixture
def busy(tmp_path: Path) -> Path:
    """A program that makes 12 MiB of events."""
    program = tmp_path / "busy.py"
    program.write_text("def f(x):\n    return x\nfor i in range(400_000):\n    f(i)\nprint('DONE')\n")
    return program


def test_disk_that_is_almost_full_stops_the_recording_and_not_the_program(small_disk: Path, busy: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=40m", small_disk], check=True)  # room for all of it, below the limit
    session = small_disk / "a.scope"
    done = scope("run", "--no-window", "-o", session, "--", sys.executable, busy, expect=1)
    assert "MiB left, so recording stopped" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == "DONE\n"


# A disk that fills faster than the safety limit looks.
WITHOUT_LIMIT = """
import sys
from capture.drain.fuse import Fuse
from scope_gui.command_line import main
Fuse.blown = lambda *_: None
sys.exit(main(sys.argv[1:]))
"""


def test_full_disk_loses_nothing(small_disk: Path, busy: Path) -> None:
    session = small_disk / "a.scope"
    words = [sys.executable, "-c", WITHOUT_LIMIT, "run", "--no-window", "-o", str(session), "--"]
    words += [sys.executable, str(busy)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert done.stderr.count("The disk is full") == 1
    assert "recover" in done.stderr
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    recovered = scope_json("recover", session, "--json")
    assert recovered["complete"]
    assert recovered["produced"] == recovered["recorded"] + recovered["dropped"]
    assert recovered["recorded"] * 16 > 1 << 20, "the journal and the pool held at least what the disk could"
