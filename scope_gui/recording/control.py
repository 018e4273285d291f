"""The recorder's small control socket: how a window or another terminal asks a recording to stop or how it goes.

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
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from capture.errors import SessionProblem
from capture.folder_names import SOCKET
from capture.own_folder import OwnFolder
from capture.typed import from_json

_CREDENTIALS = struct.Struct("3i")
_MOST_BYTES = 4096


class ControlServer:
    """Answers `status` and passes `stop` on; owned by the recorder's loop."""

    def __init__(self, folder: OwnFolder) -> None:
        """`folder` stays open as long as this does."""
        self._folder = folder
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        folder.bind(self._socket, SOCKET)
        self._socket.listen(4)
        self._socket.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def serve(self, status: Callable[[], dict[str, object]]) -> bool:
        """Answers one caller. True when the caller asks to stop."""
        try:
            peer, _ = self._socket.accept()
        except BlockingIOError:
            return False
        with peer:
            peer.settimeout(0.5)
            if _peer_uid(peer) not in {0, os.getuid()}:
                return False
            try:
                verb = from_json(peer.recv(_MOST_BYTES), dict[str, object]).get("do")
                peer.sendall(msgspec.json.encode(status()) + b"\n")
            except (OSError, msgspec.DecodeError):
                return False
            return bool(verb == "stop")

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


def ask(session_path: Path, verb: str) -> dict[str, object]:
    """The recorder's answer.

    Raises: SessionProblem when no recorder serves this session.
    """
    try:
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as client,
            _socket_in(session_path) as address,
        ):
            client.settimeout(5)
            client.connect(address)
            client.sendall(msgspec.json.encode({"do": verb}))
            return from_json(client.recv(_MOST_BYTES), dict[str, object])
    except PermissionError as error:
        raise SessionProblem(
            f"Whether anybody records {session_path} cannot be seen: {error.strerror}.",
            "Ask as the user who records it.",
        ) from error
    except (OSError, msgspec.DecodeError) as error:
        raise SessionProblem(f"no recorder is at work on {session_path}, so there is nothing to {verb}") from error


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
