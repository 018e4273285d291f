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

from tests.interpreters import Interpreter
from tests.scope_command import COMMAND, run_recorded, scope_json
from tests.thirdparty import packages

PROGRAMS = Path(__file__).parent / "programs"
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
