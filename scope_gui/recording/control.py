"""The recorder's small control socket: how another process asks how a recording goes, changes it, or ends it.

It lies in the session folder as `control.sock`, mode 0600; the kernel's word for the peer's uid is checked. Bound
and reached through /proc/self/fd, because a socket address holds 107 bytes and session paths can be longer.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec

from capture.changes import told_flags
from capture.errors import SessionProblem, WrongUsage
from capture.folder_names import SOCKET
from capture.own_folder import OwnFolder
from capture.typed import converted, from_json

_CREDENTIALS = struct.Struct("3i")
_MOST_BYTES = 4 << 20  # of a question: the patterns of all capture flags may have 3 MiB
_READ_BYTES = 1 << 16
_ASKING_PATIENCE_S = 12.0  # the agents of a recording have 8 s
_PATIENCE_S = 0.5  # with one who asks: the loop that serves moves the target's events meanwhile
OVER = "The recording is over and is being saved."


class Reply:
    """Who waits for an answer that takes a while."""

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer

    def give(self, **answer: object) -> None:
        """Answers, once; whether anybody still listens is not our business."""
        with self._peer, contextlib.suppress(OSError):
            self._peer.sendall(msgspec.json.encode(answer) + b"\n")


Configure = Callable[[dict[str, object], Reply], None]
"""Takes other values for capture flags, by name, of the process `pid` or of all; answers `{"processes": [...]}` or
`{"problem", "is_usage"}`. Of a flight recorder that is to save it answers `{"triggered": true}` or `{"problem"}`.
"""


class ChangedProcess(msgspec.Struct, frozen=True):
    """What a process is recorded by after a change: capture flags by name."""

    pid: int
    settings: dict[str, object]


def refuse(_words: dict[str, object], reply: Reply) -> None:
    """Nothing can be changed any more."""
    reply.give(problem=OVER)


class ControlServer:
    """Answers `status`, and passes `stop`, `configure` and `trigger` on; owned by the recorder's loop."""

    def __init__(self, folder: OwnFolder) -> None:
        """`folder` stays open as long as this does."""
        self._folder = folder
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        folder.bind(self._socket, SOCKET)
        self._socket.listen(4)
        self._socket.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def serve(
        self, status: Callable[[], dict[str, object]], configure: Configure = refuse, trigger: Configure = refuse
    ) -> bool:
        """Answers one caller, or has `configure` or `trigger` do so. True when the caller asks to stop."""
        try:
            peer, _ = self._socket.accept()
        except BlockingIOError:
            return False
        with contextlib.ExitStack() as kept:
            kept.enter_context(peer)
            peer.settimeout(_PATIENCE_S)
            if _peer_uid(peer) not in {0, os.getuid()}:
                return False
            try:
                asked = _question(peer)
                doing = {"configure": configure, "trigger": trigger}.get(str(asked.get("do")))
                if doing is not None:
                    kept.pop_all()
                    doing(asked, Reply(peer))
                    return False
                peer.sendall(msgspec.json.encode(status()) + b"\n")
            except (OSError, msgspec.DecodeError):
                return False
            return asked.get("do") == "stop"

    @contextlib.contextmanager
    def served_beside(self, status: Callable[[], dict[str, object]]) -> Iterator[None]:
        """Inside, a thread answers: while a recorder saves, its loop is over and callers still want to know."""
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                readable, _, _ = select.select([self._socket], [], [], 0.1)
                if readable:
                    self.serve(status)

        thread = threading.Thread(target=serve, name="control")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def close(self) -> None:
        self._socket.close()
        with contextlib.suppress(OSError):
            self._folder.remove(SOCKET)


def ask(session_path: Path, verb: str, words: Mapping[str, object] = MappingProxyType({})) -> dict[str, object]:
    """The recorder's answer.

    Raises: SessionProblem when no recorder serves this session.
    """
    try:
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as client,
            _socket_in(session_path) as address,
        ):
            client.settimeout(_ASKING_PATIENCE_S)
            client.connect(address)
            client.sendall(msgspec.json.encode({"do": verb, **words}) + b"\n")
            return _question(client)
    except PermissionError as error:
        raise SessionProblem(
            f"Whether anybody records {session_path} cannot be seen: {error.strerror}.",
            "Ask as the user who records it.",
        ) from error
    except (OSError, msgspec.DecodeError) as error:
        raise SessionProblem(f"no recorder is at work on {session_path}, so there is nothing to {verb}") from error


def configure(session_path: Path, given: Mapping[str, object], pid: int | None = None) -> list[ChangedProcess]:
    """Has the processes of a session, or one of them, be recorded with other values of capture flags, by name.

    Raises: WrongUsage when they make no sense; SessionProblem when no recorder serves it, or it cannot be done.
    """
    answer = ask(session_path, "configure", {"flags": given} | ({} if pid is None else {"pid": pid}))
    problem = answer.get("problem")
    if isinstance(problem, str):
        raise (WrongUsage if answer.get("is_usage") else SessionProblem)(problem)
    try:
        return converted(answer.get("processes"), list[ChangedProcess])
    except msgspec.ValidationError as error:
        raise SessionProblem(f"The recorder of {session_path} did not say what it records now.") from error


def trigger(session_path: Path, reason: str) -> None:
    """Has the flight recorder of a session save what it has. Raises: SessionProblem when there is none."""
    problem = ask(session_path, "trigger", {"reason": reason}).get("problem")
    if isinstance(problem, str):
        raise SessionProblem(problem)


def changes_told(changed: Sequence[ChangedProcess], pid: int | None = None) -> list[str]:
    """What is recorded from now on, in words: of all at once where they are recorded alike and no `pid` was named.

    >>> alike = [ChangedProcess(pid, {"mode": "performance"}) for pid in (7, 8)]
    >>> changes_told(alike), changes_told(alike[:1], 7)
    (['Calls and exceptions, no state'], ['process 7: Calls and exceptions, no state'])
    """
    words = [told_flags(one.settings) for one in changed]
    if pid is None and len(set(words)) == 1:
        return words[:1]
    return [f"process {one.pid}: {said}" for one, said in zip(changed, words, strict=True)]


def _question(peer: socket.socket) -> dict[str, object]:
    """What somebody says: one line. Raises: OSError, msgspec.DecodeError."""
    line, deadline = bytearray(), time.monotonic() + (peer.gettimeout() or 0.0)
    while not line.endswith(b"\n"):
        data = peer.recv(_READ_BYTES)
        line += data
        if not data or len(line) > _MOST_BYTES:
            break
        if time.monotonic() > deadline:
            raise TimeoutError
    return from_json(bytes(line), dict[str, object])


def _peer_uid(peer: socket.socket) -> int:
    _, uid, _ = _CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return int(uid)


@contextlib.contextmanager
def _socket_in(folder: Path) -> Iterator[str]:
    """A short address of a folder's socket, which must be a socket: a link may lead to anybody's. Raises: OSError."""
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found = os.open(SOCKET, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
    finally:
        os.close(root)
    try:
        if not stat.S_ISSOCK(os.fstat(found).st_mode):
            raise ConnectionRefusedError(f"{folder / SOCKET} is no socket")
        yield f"/proc/self/fd/{found}"
    finally:
        os.close(found)
