"""Attaching to real programs: quick, recording when it returns, and without a trace when it fails or ends."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from capture.attach.attach import attach
from capture.attach.bootstrap import Bootstrap
from capture.attach.channel import AgentChannel
from capture.errors import TargetProblem
from capture.settings import CaptureSettings
from tests.interpreters import Interpreter, everybody_can_reach
from tests.leftovers import wait_for
from tests.targets import Launcher, Target

SOAK_ROUNDS = 300 if os.environ.get("SCOPE_SOAK") else 6
RESTLESS = Path(__file__).with_name("restless.py")
SETTINGS = CaptureSettings()
BUSY = "print('ready', flush=True)\nwhile True: sum(range(1000))"
ASLEEP = "import time; print('ready', flush=True); time.sleep(600)"
QUICK_ENOUGH_S = 2.0
"""The bar is 0.5 s (make bench measures it); a test on a loaded machine only catches a wait for some time-out."""


@pytest.fixture
def pool_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "pool" / "1"
    folder.mkdir(parents=True, mode=0o700)
    yield folder


@pytest.fixture(autouse=True)
def private_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where Scope's private folders go during a test; empty afterwards, or the test fails.

    `tmp_path` comes first, so that pytest's own folder is not made in it.
    """
    with tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        yield Path(folder)
        assert list(Path(folder).iterdir()) == []


def test_private_folders_are_made_where_nobody_else_can_put_theirs_in_their_place(
    private_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TMPDIR may be anybody's: of a program that root enters, too."""
    for mode, is_used in ((0o777, False), (0o775, False), (0o1777, True), (0o700, True)):
        private_folders.chmod(mode)
        with Bootstrap(os.geteuid(), os.getegid()) as bootstrap:
            bootstrap.channel.close()
            assert (bootstrap.folder.parent == private_folders) is is_used
    if os.geteuid() == 0:
        os.chown(private_folders, 65534, 65534)
        with Bootstrap(0, 0) as bootstrap:
            bootstrap.channel.close()
            assert bootstrap.folder.parent != private_folders


def python(interpreter: Interpreter, code: str) -> list[str | Path]:
    return [interpreter.path, "-c", code]


@contextlib.contextmanager
def attached(program: Target, pool_dir: Path, settings: CaptureSettings = SETTINGS) -> Iterator[AgentChannel]:
    channel = attach(program.pid, settings, pool_dir, 1)
    try:
        yield channel
        channel.request("stop")
    finally:
        channel.close()


def remove_pool(pool_dir: Path) -> None:
    for path in pool_dir.iterdir():
        path.unlink()


def traces(program: Target) -> tuple[int, list[str]]:
    """Threads and open files of a target, which must be afterwards as they were before."""
    files = []
    for descriptor in Path(f"/proc/{program.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since
            files.append(str(descriptor.readlink()))
    return psutil.Process(program.pid).num_threads(), sorted(files)


@pytest.mark.alone
@pytest.mark.parametrize("code", [BUSY, ASLEEP], ids=["busy", "asleep"])
def test_a_running_program_is_recorded_soon_and_left_as_it_was(
    interpreter: Interpreter, code: str, target: Launcher, pool_dir: Path
) -> None:
    program = target(python(interpreter, code), ready="ready")
    before = traces(program)
    started = time.monotonic()
    with attached(program, pool_dir) as channel:
        took = time.monotonic() - started
        assert channel.hello["pid"] == program.pid
        assert channel.hello["python"].startswith(interpreter.minor)
        assert (pool_dir / "pool.bin").exists()
        assert channel.request("status")["recording"] is True
    assert took < QUICK_ENOUGH_S
    assert wait_for(lambda: traces(program) == before, 5.0), f"{traces(program)} was {before}"
    assert program.alive
    assert program.output() == "ready\n"


def test_a_process_idle_in_accept_is_recorded_at_once(
    interpreter: Interpreter, target: Launcher, pool_dir: Path
) -> None:
    code = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print("ready", server.getsockname()[1], flush=True)
while True:
    client = server.accept()[0]
    client.sendall(client.recv(100).upper())
    client.close()
"""
    program = target(python(interpreter, code), ready="ready")
    port = int(program.output().split()[1])
    with attached(program, pool_dir) as channel, socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"HELLO"
        assert channel.request("status")["recording"] is True
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"again")
        assert client.recv(100) == b"AGAIN"


@pytest.mark.sampled
def test_threads_that_never_rest_are_attached_to_again_and_again(
    interpreter: Interpreter, target: Launcher, pool_dir: Path, tmp_path: Path
) -> None:
    threads, counters = 5, tmp_path / "counters"
    counters.write_bytes(bytes(8 * threads))

    def rounds() -> list[int]:
        data = counters.read_bytes()
        return [int.from_bytes(data[i * 8 : i * 8 + 8], "little") for i in range(threads)]

    def rose_since(before: list[int]) -> bool:
        return all(now > then for now, then in zip(rounds(), before, strict=True))

    program = target([interpreter.path, RESTLESS, counters, str(threads)])
    assert wait_for(lambda: min(rounds()) > 0, 20.0)
    before = traces(program)
    for i in range(SOAK_ROUNDS):
        seen = rounds()
        with attached(program, pool_dir):
            pass
        remove_pool(pool_dir)
        assert wait_for(partial(rose_since, seen), 20.0), f"round {i}"
    assert program.alive, program.output()
    assert wait_for(lambda: traces(program)[0] == before[0], 5.0)


def test_a_program_that_is_recorded_already_is_refused(target: Launcher, pool_dir: Path, tmp_path: Path) -> None:
    program = target([sys.executable, "-c", ASLEEP], ready="ready")
    with attached(program, pool_dir), pytest.raises(TargetProblem, match="being recorded already"):
        attach(program.pid, SETTINGS, tmp_path / "other", 2)


def test_after_a_recorder_died_the_agent_leaves_and_the_next_recorder_gets_in(target: Launcher, pool_dir: Path) -> None:
    program = target([sys.executable, "-c", BUSY], ready="ready")
    before = traces(program)
    attach(program.pid, SETTINGS, pool_dir, 1).close()  # as if killed: no 'stop' is said
    assert wait_for(lambda: traces(program) == before, 5.0)
    remove_pool(pool_dir)
    with attached(program, pool_dir) as channel:
        assert channel.request("status")["recording"] is True


def test_a_program_that_does_not_exist_is_said_not_to(pool_dir: Path) -> None:
    with pytest.raises(TargetProblem, match="There is no process"):
        attach(2**22 + 1, SETTINGS, pool_dir, 1)


def test_a_program_that_is_not_python_is_refused_untouched(target: Launcher, pool_dir: Path) -> None:
    program = target(["/bin/sh", "-c", "echo ready; exec sleep 60"], ready="ready")
    with pytest.raises(TargetProblem, match=r"not a CPython program. .*--mode observe"):
        attach(program.pid, SETTINGS, pool_dir, 1)
    assert program.alive


def test_a_program_that_forbids_debuggers_is_left_alone(
    interpreter: Interpreter, target: Launcher, pool_dir: Path
) -> None:
    environment = {**os.environ, "PYTHON_DISABLE_REMOTE_DEBUG": "1"}
    program = target(python(interpreter, ASLEEP), ready="ready", env=environment)
    before = traces(program)
    with pytest.raises(TargetProblem, match="remote debugging disabled"):
        attach(program.pid, SETTINGS, pool_dir, 1)
    assert traces(program) == before


def test_a_program_that_ends_meanwhile_is_said_to_have_ended(
    interpreter: Interpreter, target: Launcher, pool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = target(python(interpreter, BUSY), ready="ready")
    hand_over = Bootstrap.hand_over

    def kill_first(bootstrap: Bootstrap) -> None:
        program.end(signal.SIGKILL)
        hand_over(bootstrap)

    monkeypatch.setattr(Bootstrap, "hand_over", kill_first)
    with pytest.raises(TargetProblem, match="ended while Scope was attaching"):
        attach(program.pid, SETTINGS, pool_dir, 1)


def test_programs_killed_at_any_moment_of_the_attach_end_in_one_sentence(target: Launcher, tmp_path: Path) -> None:
    for i in range(12):
        program = target([sys.executable, "-c", BUSY], ready="ready")
        killer = threading.Timer(0.001 * i, os.kill, (program.pid, signal.SIGKILL))
        killer.start()
        try:
            attach(program.pid, SETTINGS, tmp_path / "pool" / str(i + 1), 1).close()
        except TargetProblem as problem:
            assert "ended" in problem.message or "no process" in problem.message
        finally:
            killer.join()
        assert program.wait() == -signal.SIGKILL


@pytest.mark.sampled
def test_a_long_call_that_holds_the_interpreter_lock_is_named_as_the_reason(
    interpreter: Interpreter, target: Launcher, pool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("capture.attach.attach.AGENT_PATIENCE_S", 0.1)
    code = """
import re, time
print("ready", flush=True)
time.sleep(0.2)
re.match(r"(a+)+b", "a" * 24)
print("over", flush=True)
time.sleep(600)
"""
    program = target(python(interpreter, code), ready="ready")
    assert wait_for(lambda: psutil.Process(program.pid).status() == psutil.STATUS_RUNNING, 5.0)
    with pytest.raises(TargetProblem, match="did not let Scope's agent run within"):
        attach(program.pid, SETTINGS, pool_dir, 1)
    program.wait_for_line("over")
    assert wait_for(lambda: psutil.Process(program.pid).num_threads() == 1, 5.0), "the late agent goes away"
    assert program.output() == "ready\nover\n", "and says nothing"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_root_attaches_to_another_users_program(
    interpreter: Interpreter, target: Launcher, private_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not everybody_can_reach(Path(__file__), interpreter.path):
        pytest.skip("needs Scope and the interpreter in folders that everybody can read")
    private_folders.chmod(0o755)
    code = f"import os; os.setgid(65534); os.setuid(65534); {ASLEEP}"
    program = target(python(interpreter, code), ready="ready")
    pool_dir = private_folders / "pool" / "1"
    try:
        with attached(program, pool_dir):
            assert (pool_dir / "pool.bin").stat().st_uid == 65534
    finally:
        shutil.rmtree(pool_dir.parent)


def test_the_private_folder_and_its_files_are_private(pool_dir: Path) -> None:
    with Bootstrap(os.geteuid(), os.getegid()) as bootstrap:
        config = bootstrap.write_config(SETTINGS, pool_dir, 1)
        modes = {path.name: path.stat().st_mode & 0o777 for path in (bootstrap.folder, *bootstrap.folder.iterdir())}
        assert modes == {bootstrap.folder.name: 0o700, "config.json": 0o600, "agent.sock": 0o600}
        with pytest.raises(FileExistsError):
            bootstrap.write("config.json", b"")
        bootstrap.channel.close()
    assert not config.exists()


def test_what_lies_where_the_private_folder_was_is_left_alone(pool_dir: Path, tmp_path: Path) -> None:
    """Its owner is the target's, who may put a link in its place: root then renamed and removed files elsewhere."""
    other = tmp_path / "other"
    other.mkdir()
    for name in ("config.json", "agent.sock", "bootstrap.py"):
        (other / name).write_text("somebody's")
    with Bootstrap(os.geteuid(), os.getegid()) as bootstrap:
        orders = bootstrap.write_config(SETTINGS, pool_dir, 1)
        bootstrap.hand_over()
        moved = bootstrap.folder.rename(tmp_path / "moved")
        bootstrap.folder.symlink_to(other)
        assert bootstrap.withdraw(orders) is not None
        assert sorted(path.name for path in moved.iterdir()) == ["agent.sock", "withdrawn.json"]
        assert bootstrap.withdraw(orders) is None
        bootstrap.channel.close()
    assert sorted(path.read_text() for path in other.iterdir()) == ["somebody's"] * 3
    assert list(moved.iterdir()) == []
    bootstrap.folder.unlink()


def test_attaching_from_a_short_lived_recorder_leaves_no_process(target: Launcher, pool_dir: Path) -> None:
    """A recorder that exits without a word: its end of the line closes and the target is free again."""
    program = target([sys.executable, "-c", BUSY], ready="ready")
    before = traces(program)
    code = f"""
import os
from pathlib import Path
from capture.attach.attach import attach
from capture.settings import CaptureSettings
attach({program.pid}, CaptureSettings(), Path({str(pool_dir)!r}), 1)
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert wait_for(lambda: traces(program) == before, 5.0)
