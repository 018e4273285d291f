"""What is said about a process agrees with what the process says about itself."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from capture.errors import TargetProblem
from capture.target import targets
from capture.target.processes import list_processes
from capture.target.python_build import python_in_file, python_version_text
from capture.target.targets import describe
from tests.interpreters import Interpreter
from tests.leftovers import wait_for
from tests.targets import Launcher


def wait_program(seconds: int = 60) -> list[str]:
    return [sys.executable, "-c", f"import time; print('ready', flush=True); time.sleep({seconds})"]


def test_the_exact_version_is_read_from_the_file(interpreter: Interpreter, target: Launcher) -> None:
    code = "import json, sys, time; print('ready', json.dumps([sys.hexversion, sys.version.split()[0]]), flush=True); "
    program = target([interpreter.path, "-c", code + "time.sleep(60)"], ready="ready")
    hexversion, version = json.loads(program.output().partition(" ")[2])
    described = describe(program.pid)
    assert described.python is not None
    assert (described.python.hexversion, described.python.version) == (hexversion, version)
    assert described.python.free_threaded is False
    assert described.python.minor == interpreter.version[:2]
    assert (described.is_static, described.is_musl, described.machine) == (False, False, os.uname().machine)


def test_the_facts_of_the_kernel_are_those_that_psutil_sees(target: Launcher) -> None:
    program = target(wait_program(), ready="ready")
    described, seen = describe(program.pid), psutil.Process(program.pid)
    assert described.create_time == seen.create_time()
    assert list(described.command) == seen.cmdline()
    assert described.uids[:3] == tuple(seen.uids())
    assert described.executable == seen.exe()
    assert wait_for(lambda: describe(program.pid).state == "S", 5.0)  # it has said that it is ready before it sleeps
    assert (described.tracer_pid, described.pool) == (0, None)
    assert described.same_mount_namespace is described.same_pid_namespace is True


def test_a_clock_of_its_own_is_seen(target: Launcher) -> None:
    """What was recorded there lay a day beside the recording."""
    if os.getuid() != 0 or subprocess.run(["unshare", "--time", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs root and time namespaces")
    ahead = target(["unshare", "--time", "--monotonic", "1000", "--fork", *wait_program()], ready="ready")
    [child] = psutil.Process(ahead.pid).children()
    assert (describe(child.pid).clock_ahead_s, describe(os.getpid()).clock_ahead_s) == (1000, 0)
    child.kill()


def test_a_program_that_is_not_python_is_described_as_such(target: Launcher) -> None:
    program = target(["/bin/sh", "-c", "echo ready; exec sleep 60"], ready="ready")
    described = describe(program.pid)
    assert described.python is None and described.libpython is None
    assert described.machine == os.uname().machine


@pytest.mark.parametrize(
    ("options", "variables", "expected"),
    [
        ([], {}, None),
        ([], {"PYTHON_DISABLE_REMOTE_DEBUG": "1"}, "the environment variable PYTHON_DISABLE_REMOTE_DEBUG"),
        ([], {"PYTHON_DISABLE_REMOTE_DEBUG": ""}, None),
        (["-X", "disable-remote-debug"], {}, "the option -X disable-remote-debug"),
        (["-uXdisable_remote_debug"], {}, "the option -X disable_remote_debug"),
        (["-W", "error", "-Xdisable_remote_debug"], {}, "the option -X disable_remote_debug"),
    ],
)
def test_a_wish_to_be_left_alone_is_seen(
    target: Launcher, options: list[str], variables: dict[str, str], expected: str | None
) -> None:
    command = [sys.executable, *options, *wait_program()[1:], "-X", "disable-remote-debug"]
    program = target(command, ready="ready", env={**os.environ, **variables})
    assert describe(program.pid).remote_debug_disabled_by == expected


def test_an_ignored_segv_is_seen(target: Launcher) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGSEGV, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    )
    assert describe(target([sys.executable, "-c", code], ready="ready").pid).ignores_segv
    assert not describe(target(wait_program(), ready="ready").pid).ignores_segv


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 1, 2**40])
def test_a_process_that_does_not_exist_is_said_not_to(pid: int) -> None:
    with pytest.raises(TargetProblem, match=f"There is no process {pid}"):
        describe(pid)


@pytest.mark.parametrize("amid", ["_disabled_by", "_clock_ahead_s", "_is_stuck", "room_of", "_what_it_runs"])
def test_a_process_that_ends_while_it_is_looked_at_is_said_not_to_exist_or_described(
    amid: str, target: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, look = target(wait_program(), ready="ready"), getattr(targets, amid)

    def too_late(*given: object) -> object:
        program.process.kill()
        program.process.wait()
        return look(*given)

    monkeypatch.setattr(targets, amid, too_late)
    try:
        assert describe(program.pid).pid == program.pid
    except TargetProblem as problem:
        assert problem.message == f"There is no process {program.pid}."


def test_a_pool_that_is_mapped_and_recording_is_seen(tmp_path: Path, target: Launcher) -> None:
    pool = tmp_path / "pool.bin"
    magic = bytes(byte ^ 0xFF for byte in (0xAC, 0xBC, 0xB0, 0xAF, 0xBA, 0xAF, 0xB3, 0xFE))
    pool.write_bytes(magic + bytes(120) + (1).to_bytes(4, "little") + bytes(3964))
    code = f"""
import mmap, time
file = open({str(pool)!r}, "r+b")
mapped = mmap.mmap(file.fileno(), 0)
print("ready", flush=True)
time.sleep(60)
"""
    program = target([sys.executable, "-c", code], ready="ready")
    assert describe(program.pid).pool == str(pool)
    with pool.open("r+b") as file:
        file.seek(128)
        file.write((2).to_bytes(4, "little"))
    assert describe(program.pid).pool is None


def test_the_list_has_the_processes_that_run_and_recognises_python(target: Launcher) -> None:
    python, shell = (
        target(wait_program(), ready="ready"),
        target(["/bin/sh", "-c", "echo ready; exec sleep 60"], ready="ready"),
    )
    rows = {row.pid: row for row in list_processes()}
    assert rows[python.pid].python.startswith(f"{sys.version_info[0]}.{sys.version_info[1]}")
    assert rows[python.pid].parent_pid == os.getpid()
    assert rows[python.pid].create_time == pytest.approx(psutil.Process(python.pid).create_time(), abs=0.02)
    assert rows[python.pid].command.startswith(sys.executable)
    seen = psutil.Process(python.pid)
    assert rows[python.pid].cpu_s == pytest.approx(sum(seen.cpu_times()[:2]), abs=0.03)
    assert rows[python.pid].rss_bytes == pytest.approx(seen.memory_info().rss, rel=0.2)
    assert rows[shell.pid].python == ""
    assert rows[shell.pid].uid == os.getuid()
    assert all(row.command for row in rows.values())


@pytest.mark.alone
def test_the_list_is_quick_enough_for_hundreds_of_processes() -> None:
    processes = [subprocess.Popen(["/bin/sleep", "60"]) for _ in range(100)]
    try:
        started = time.perf_counter()
        rows = list_processes()
        took = time.perf_counter() - started
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert {process.pid for process in processes} <= {row.pid for row in rows}
    assert took / len(rows) < 0.002, "500 processes must not take a second"


def test_versions_are_written_as_python_writes_them() -> None:
    assert python_version_text(0x030D00F0) == "3.13.0"
    assert python_version_text(0x030E00C2) == "3.14.0rc2"
    assert python_version_text(0x030F00A7) == "3.15.0a7"
    assert python_version_text(sys.hexversion) == sys.version.split()[0].rstrip("+")


def test_a_file_without_python_has_no_version(tmp_path: Path) -> None:
    assert python_in_file(Path("/bin/sh"), "python3.12") is None
    assert python_in_file(tmp_path / "missing", "python3") is None
    (tmp_path / "text").write_text("3.12.1")
    assert python_in_file(tmp_path / "text", "libpython3.12.so") is None
