"""Servers that start themselves again to reload, or fork workers: they serve as without Scope, print nothing of its
own, and what they start is named in what the recording cannot see."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.identity.trial import HERE as IDENTITY
from tests.interpreters import Interpreter
from tests.leftovers import wait_for
from tests.scope_command import COMMAND, run_recorded, scope_json
from tests.thirdparty import packages

PROGRAMS = Path(__file__).parent / "programs"
WORKER = IDENTITY / "celery_worker.py"
PATIENCE_S = 60.0
SERVERS = {
    "django": ("django_site.py runserver {port}", "django_site.py"),
    "flask": ("-m flask --app wsgi_page:create_app run --debug --port {port}", "-m flask"),
    "gunicorn": ("-m gunicorn -w 2 -b 127.0.0.1:{port} wsgi_page:app", "-m gunicorn"),
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def page_of(port: int, process: subprocess.Popen[str]) -> bytes:
    """What the server answers once it does."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE_S) as answer:
                body: bytes = answer.read()
                return body
        except OSError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)


def not_recorded(session: Path) -> str:
    return " ".join(row["sentence"] for row in scope_json("info", session, "--json")["unseen"])


@pytest.mark.minors("3.12")
@pytest.mark.parametrize("name", SERVERS)
def test_a_server_serves_and_its_children_are_named(name: str, interpreter: Interpreter, tmp_path: Path) -> None:
    words, child = SERVERS[name]
    port, session = free_port(), tmp_path / "s.scope"
    command = [*COMMAND, "run", "--no-window", "-o", str(session), "--", str(interpreter.path)]
    process = subprocess.Popen(
        [*command, *words.format(port=port).split()],
        cwd=PROGRAMS,
        env={**os.environ, "PYTHONPATH": str(packages(interpreter, name))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert page_of(port, process) == b"hello"
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert "not recording" not in said
    assert child in not_recorded(session)
    assert child in said


@pytest.mark.minors("3.12")
def test_the_processes_of_a_celery_worker_are_named(interpreter: Interpreter, tmp_path: Path) -> None:
    session = tmp_path / "s.scope"
    command = [*COMMAND, "run", "--no-window", "-o", str(session), "--", str(interpreter.path)]
    process = subprocess.Popen(
        [*command, str(WORKER)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(packages(interpreter, "celery")), "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert wait_for(lambda: len(list(tmp_path.glob("result-*.txt"))) == 6, PATIENCE_S)
        assert {path.read_text() for path in tmp_path.glob("result-*.txt")} == {str(n * n) for n in range(6)}
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert "celery_worker.py" in not_recorded(session)
    assert "Only watched from outside, not recorded: " in said


@pytest.mark.minors("3.12")
def test_the_workers_of_pytest_n_are_named(interpreter: Interpreter, tmp_path: Path) -> None:
    folder = packages(interpreter, "pytest", "pytest-xdist")
    (tmp_path / "test_two.py").write_text("import time\ndef test_a(): time.sleep(0.4)\ndef test_b(): time.sleep(0.4)\n")
    session = tmp_path / "s.scope"
    command = [interpreter.path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "test_two.py"]
    done = run_recorded(session, command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(folder)})
    assert "2 passed" in done.stdout
    assert "python3.12 -c …" in not_recorded(session)
    assert "Only watched from outside, not recorded: " in done.stderr


POOLS = {
    "multiprocessing": "with multiprocessing.get_context(how).Pool(2) as pool:\n        print(pool.map(nap, range(4)))",
    "concurrent.futures": "with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context(how)) as pool:\n"
    "        print(list(pool.map(nap, range(4))))",
}


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("library", POOLS)
def test_the_processes_of_a_pool_are_named(library: str, how: str, tmp_path: Path) -> None:
    program, session = tmp_path / "pooled.py", tmp_path / "s.scope"
    program.write_text(
        "import concurrent.futures, multiprocessing, sys, time\n"
        "def nap(number):\n    time.sleep(0.4)\n    return number * number\n"
        f"if __name__ == '__main__':\n    how = sys.argv[1]\n    {POOLS[library]}\n"
    )
    done = run_recorded(session, [sys.executable, program, how])
    assert done.stdout == "[0, 1, 4, 9]\n"
    assert ("pooled.py" if how == "fork" else "python -c …") in not_recorded(session)
    assert "Only watched from outside, not recorded: " in done.stderr


def test_grandchildren_are_named(tmp_path: Path) -> None:
    code = "import subprocess; subprocess.run(['sh', '-c', 'sh -c \"sleep 1.2; true\"; true'])"
    session = tmp_path / "s.scope"
    run_recorded(session, [sys.executable, "-c", code])
    assert "sleep 1.2" in not_recorded(session)


def test_original_arguments_are_those_without_scope(tmp_path: Path) -> None:
    """A reloader starts the program by them again; ours led to a launcher whose orders were gone."""
    (tmp_path / "app.py").write_text("import sys\nprint(sys.orig_argv)\n")
    for words in (
        ["app.py", "-a", "b"],
        ["-u", "app.py"],
        ["-m", "app", "c"],
        ["-c", "import sys; print(sys.orig_argv)"],
    ):
        command = [sys.executable, *words]
        bare = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        session = tmp_path / f"{len(list(tmp_path.iterdir()))}.scope"
        assert run_recorded(session, command, cwd=tmp_path).stdout == bare


def test_a_program_that_runs_its_own_command_line_again_prints_what_it_would(tmp_path: Path) -> None:
    program = tmp_path / "app.py"
    program.write_text(
        "import os, subprocess\nprint('here', flush=True)\n"
        "words = open('/proc/self/cmdline').read().rstrip('\\0').split('\\0')\n"
        "if 'AGAIN' not in os.environ:\n    subprocess.run(words, env={**os.environ, 'AGAIN': '1'}, check=True)\n"
    )
    done = run_recorded(tmp_path / "s.scope", [sys.executable, program])
    assert done.stdout == "here\nhere\n"
    assert "not recording" not in done.stderr
