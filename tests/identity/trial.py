"""Runs one program of the table in one of four ways, and tells what it printed, wrote and ended with.

The folder it works in has the same path each time and is emptied before; so outputs can be compared byte for byte.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from tests.identity.table import Program
from tests.interpreters import Interpreter
from tests.leftovers import wait_for
from tests.scope_command import COMMAND

HERE = Path(__file__).parent / "programs"
FAULTS = Path(__file__).parent.parent / "faults" / "programs"
TIMEOUT_S = 60.0
MARK = "IDENTITY_TRIAL"
Way = Literal["bare", "recorded", "held", "attached"]


@dataclass(frozen=True)
class Outcome:
    """What can be seen of a program from outside; equal for every way of running it."""

    status: int
    out: str
    err: str
    files: dict[str, str]

    def __str__(self) -> str:
        files = "".join(f"\n--- {name}\n{text}" for name, text in self.files.items())
        return f"status {self.status}\n--- stdout\n{self.out}\n--- stderr\n{self.err}{files}"


class Trial:
    """One program, one interpreter, as many ways as wanted."""

    def __init__(self, program: Program, interpreter: Interpreter, packages: Path | None, folder: Path) -> None:
        self._program, self._interpreter, self._packages, self._folder = program, interpreter, packages, folder
        self.port = 0
        self.words = ""
        """What Scope said, when the program ran under it."""

    def run(self, way: Way) -> Outcome:
        """Runs it to its end, its children and daemons included.

        Raises: AssertionError when something does not come to an end or Scope fails.
        """
        work, scratch = self._folder / "work", self._folder / "scratch"
        for folder in (work, scratch):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        self.port = 0
        for name, text in self._program.files.items():
            self.file(name, text)
        self.port = _free_port()
        mark = uuid.uuid4().hex
        with self._started(way, mark) as process:
            if self._program.talk is not None:
                self._program.talk(self)
            process.wait(TIMEOUT_S)
        assert wait_for(lambda: not _marked(mark), TIMEOUT_S), f"still running: {_marked(mark)}"
        status = process.returncode
        return Outcome(status if status >= 0 else 128 - status, self._text("out"), self._text("err"), self._files())

    # -- what a row of the table may do meanwhile

    def page(self, path: str, until: Callable[[str], bool] = bool) -> str:
        body: str
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            with contextlib.suppress(OSError):
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                        body = str(answer.read(), "utf-8")
                except urllib.error.HTTPError as answer:
                    body = str(answer.read(), "utf-8")
                    answer.close()
                if until(body):
                    return body
            assert time.monotonic() < deadline, f"no answer to {path}\n{self._text('err')}"
            time.sleep(0.05)

    def listener(self) -> int:
        found = {
            connection.pid
            for connection in psutil.net_connections("tcp")
            if connection.status == "LISTEN" and connection.laddr.port == self.port and connection.pid
        }
        oldest: int = min(found, key=lambda pid: psutil.Process(pid).create_time())
        return oldest

    def pid_file(self) -> int:
        path = self._folder / "scratch" / "pid"
        assert wait_for(lambda: path.exists() and path.read_text().strip().isdigit(), TIMEOUT_S), self._text("err")
        return int(path.read_text())

    def file(self, name: str, text: str) -> None:
        path = self._folder / "work" / name
        path.write_text(text)
        if not self.port:  # what is there from the start has the same age each time
            os.utime(path, (1_000_000_000, 1_000_000_000))

    def wait_for_file(self, pattern: str, count: int = 1) -> None:
        work = self._folder / "work"
        assert wait_for(lambda: len(list(work.glob(pattern))) >= count, TIMEOUT_S), self._text("err")

    # -- running

    @contextlib.contextmanager
    def _started(self, way: Way, mark: str) -> Iterator[subprocess.Popen[bytes]]:
        words = {"here": str(HERE), "faults": str(FAULTS), "port": str(self.port)}
        words |= {name: str(self._folder / name) for name in ("work", "scratch")}
        argv = [word.format(**words) for word in self._program.argv]
        fifo = self._folder / "fifo"
        if way in ("held", "attached"):
            fifo.unlink(missing_ok=True)
            os.mkfifo(fifo)
            argv = [str(HERE / "hold.py"), str(fifo), *(word for word in argv if word != "-u")]
        command = [str(self._interpreter.path), *argv]
        said = self._folder / "said"
        session = self._folder / f"{way}.scope"
        stdin = self._folder / "in"
        stdin.write_text(self._program.stdin)
        with (
            stdin.open("rb") as incoming,
            (self._folder / "out").open("wb") as out,
            (self._folder / "err").open("wb") as err,
            said.open("wb") as saying,
        ):
            if way == "recorded":
                flags = ["--no-window", "--words-fd", str(saying.fileno()), "-o", str(session), *self._program.flags]
                command = [*COMMAND, "run", *flags, "--", *command]
            process = subprocess.Popen(
                command,
                stdin=incoming,
                stdout=out,
                stderr=err,
                cwd=self._folder / "work",
                env=self._environment(mark),
                pass_fds=[saying.fileno()] if way == "recorded" else [],
            )
            recorder = None
            try:
                if fifo.exists():
                    go = _reader_there(fifo, process)
                    if way == "attached":
                        recorder = self._attach(process.pid, session, said)
                    os.close(go)
                yield process
                if recorder is not None:
                    assert recorder.wait(TIMEOUT_S) == 0, said.read_text()
            finally:
                for started in filter(None, (process, recorder)):
                    if started.poll() is None:
                        started.kill()
                        started.wait()
                for pid in _marked(mark) if process.returncode == -9 else []:
                    psutil.Process(pid).kill()
                self.words = said.read_text()

    def _attach(self, pid: int, session: Path, said: Path) -> subprocess.Popen[bytes]:
        with said.open("wb") as saying:
            recorder = subprocess.Popen(
                [*COMMAND, "attach", str(pid), "--no-window", "-o", str(session), *self._program.flags],
                stderr=saying,
                stdin=subprocess.DEVNULL,
            )
        ready = wait_for(lambda: "recording process" in said.read_text() or recorder.poll() is not None, TIMEOUT_S)
        assert ready and recorder.poll() is None, said.read_text()
        return recorder

    def _environment(self, mark: str) -> dict[str, str]:
        scratch = str(self._folder / "scratch")
        own = {"PATH": os.environ["PATH"], "HOME": scratch, "TMPDIR": scratch, "LANG": "C.UTF-8", MARK: mark}
        own |= {"PYTHONHASHSEED": "0", "PYTHONWARNINGS": "default"}
        return own | ({"PYTHONPATH": str(self._packages)} if self._packages else {})

    # -- comparing

    def _text(self, name: str) -> str:
        return self._same(_readable(self._folder / name))

    def _same(self, text: str) -> str:
        text = text.replace(f":{self.port}", ":PORT").replace(f"port {self.port}", "port PORT")
        text = re.sub(r"\(pid=\d+\)", "(pid=PID)", text)  # of a warning about forks and threads
        for pattern, name in self._program.chance:
            text = re.sub(pattern, name, text)
        if self._program.in_any_order:
            text = "\n".join(sorted(set(text.splitlines())))
        return text

    def _files(self) -> dict[str, str]:
        work = self._folder / "work"
        found = {}
        for path in sorted(work.rglob("*")):
            name = str(path.relative_to(work))
            if path.is_symlink():
                found[name] = f"-> {path.readlink()}"
            elif any(fnmatch.fnmatch(name, pattern) for pattern in self._program.ignored):
                found[str(Path(name).parent)] = "ignored"
            elif path.is_file() and "__pycache__" not in name:
                found[name] = _readable(path)
            elif path.suffix == ".pyc":
                found[name] = "compiled"
        return found


def _readable(path: Path) -> str:
    return path.read_bytes().decode(errors="backslashreplace")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def _reader_there(fifo: Path, process: subprocess.Popen[bytes]) -> int:
    """A descriptor for writing, once the program waits at the other end."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        with contextlib.suppress(OSError):
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        assert process.poll() is None, "it ended before it began"
        assert time.monotonic() < deadline, "it does not begin"
        time.sleep(0.01)


def _marked(mark: str) -> list[int]:
    """Processes that carry the mark of a trial."""
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if f"{MARK}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes():
                found.append(pid)
    return found
