"""The command line in forks of a process that has everything imported: `python -m tests.forked_command FD`.

A recording of a small program took a second of processor time, nine tenths of it for the start of two interpreters and
their imports: the recorder's, and the sealer's with the table libraries. A suite makes a thousand of them. Here both
begin as forks; what they do then is the real thing. How they really start is what all tests that name `COMMAND` hold.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, NoReturn

from capture.own_process import own_command
from scope_gui.verbs.registry import verb_named
from tests import leftovers

VERBS = ("attach", "doctor", "index", "pack", "recover", "run", "stop")
IMPORTED = ("numpy.ma", "pyarrow.compute", "scope_gui.recording.sealer", "scope_gui.streams")
_CHUNK = 1 << 16
_END_S = 10.0


class Server:
    """The process that forks, as the tests see it. Several threads may ask."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                own_command("tests.forked_command", str(theirs.fileno())),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        leftovers.staying.add(self._process.pid)

    def run(self, words: Sequence[str], timeout_s: float) -> tuple[int, str, str]:
        """Runs `scope-gui WORDS` to its end and that of its output: (status, output, errors).

        Raises: subprocess.TimeoutExpired when that does not come in time; it is killed.
        """
        request = json.dumps({"words": list(words), "cwd": str(Path.cwd()), "env": dict(os.environ)}).encode()
        with ExitStack() as stack:
            ours, theirs = socket.socketpair()
            said = [os.pipe(), os.pipe()]
            stack.enter_context(ours)
            ends = [stack.enter_context(os.fdopen(reading, "rb", 0)) for reading, _ in said]
            with theirs, os.fdopen(os.memfd_create("request"), "wb+", 0) as asked:
                asked.write(request)
                fds = [asked.fileno(), theirs.fileno(), *(writing for _, writing in said)]
                socket.send_fds(self._socket, [b"run"], fds)
            for _, writing in said:
                os.close(writing)
            pid = int(ours.recv(64))
            output = self._read(ends, pid, words, timeout_s)
            return int(ours.recv(64)), *output

    def _read(self, ends: list[io.FileIO], pid: int, words: Sequence[str], timeout_s: float) -> tuple[str, str]:
        deadline = time.monotonic() + timeout_s
        parts: dict[int, list[bytes]] = {end.fileno(): [] for end in ends}
        with selectors.DefaultSelector() as selector:
            for end in ends:
                selector.register(end, selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in selector.select(max(0.0, deadline - time.monotonic())):
                    data = os.read(key.fd, _CHUNK)
                    parts[key.fd].append(data)
                    if not data:
                        selector.unregister(key.fileobj)
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                    raise subprocess.TimeoutExpired(list(words), timeout_s)
        out, err = (io.TextIOWrapper(io.BytesIO(b"".join(each))).read() for each in parts.values())
        return out, err

    def close(self) -> None:
        self._socket.close()
        self._process.wait(_END_S)
        leftovers.staying.discard(self._process.pid)


def serve(control: socket.socket) -> None:
    """Forks for each request, and tells its process and its status, until nobody is left to ask."""
    for module in (*IMPORTED, *(verb_named(name).module for name in VERBS)):
        importlib.import_module(module)
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the tests, and for what they run
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not control:
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    pid, reply = key.data
                    with reply, suppress(BrokenPipeError):
                        reply.send(b"%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                    continue
                message, fds, _, _ = socket.recv_fds(control, 16, 4)
                if not message:
                    return
                asked, answer, out, err = fds
                pid = os.fork()
                if not pid:
                    _leave_with(lambda: _be_the_command(asked, out, err))  # noqa: B023
                for fd in (asked, out, err):
                    os.close(fd)
                reply = socket.socket(fileno=answer)
                reply.send(b"%d" % pid)
                selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, reply))


def _be_the_command(asked: int, out: int, err: int) -> int:
    with os.fdopen(asked, "rb") as file:
        file.seek(0)
        request = json.load(file)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.closerange(3, 1 << 16)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = ["scope-gui", *request["words"]]
    cli, sealer_process = (importlib.import_module(f"scope_gui.{name}") for name in ("cli", "recording.sealer_process"))
    sealer_process.subprocess = _Forking  # type: ignore[attr-defined]
    code: int = cli.main()
    return code


class _Forking:
    """What a recorder has for `subprocess` when it starts its sealer."""

    PIPE = subprocess.PIPE

    class Popen:
        """The sealer, as a fork: no other thread of the recorder has begun when it starts."""

        def __init__(self, command: list[str], *, pass_fds: Sequence[int], **_: object) -> None:
            assert threading.active_count() == 1
            (theirs_in, ours_in), (ours_out, theirs_out) = os.pipe(), os.pipe()
            self.pid = os.fork()
            if not self.pid:
                _leave_with(lambda: _be_the_sealer(command, theirs_in, theirs_out, pass_fds))
            os.close(theirs_in)
            os.close(theirs_out)
            self.stdin: IO[bytes] = os.fdopen(ours_in, "wb")
            self.stdout: IO[bytes] = os.fdopen(ours_out, "rb")

        def wait(self) -> int:
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _be_the_sealer(command: list[str], stdin: int, stdout: int, kept: Sequence[int]) -> int:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):  # as after an exec
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(stdin, 0)
    os.dup2(stdout, 1)
    first = 3
    for fd in sorted(kept):
        os.closerange(first, fd)
        first = fd + 1
    os.closerange(first, 1 << 16)
    at = command.index("scope_gui.recording.sealer")
    sys.argv = command[at:]
    code: int = importlib.import_module(command[at]).main()
    return code


def _leave_with(work: Callable[[], int]) -> NoReturn:
    """Ends this fork as an interpreter would end with the status that comes back."""
    status = 1
    try:
        status = work()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(status)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
