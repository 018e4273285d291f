"""What an agent finds when it wakes up in a target: a private folder with the socket to call and its orders.

The folder is 0700 and its files 0600, owned by the target's user; it lives only until the agent has called. Who comes
second (an attach on 3.14 may send two) finds `config.json` claimed, that is renamed, and goes away silently.

Once it is the target's, its owner can move it and put a link in its place, so from the first it is held by a
descriptor, and everything in it is reached from there.
"""

import contextlib
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Self

from capture.attach.channel import SOCKET, AgentChannel
from capture.drain.pool_folders import give_pool_folder, make_pool_folder
from capture.errors import ScopeBug, TargetProblem
from capture.settings import CaptureSettings
from capture.target.host_facts import AGENT_DIR

LONGEST_FOLDER = 80
"""A socket's path holds 107 bytes."""
CONFIG, CLAIMED, WITHDRAWN, SCRIPT = "config.json", "claimed.json", "withdrawn.json", "bootstrap.py"


class Bootstrap:
    """The folder and the channel of one agent to come. Use it as a context manager: the folder goes with it.

    `uid`, `gid`: the target's. `seen_by`: a running target, whose mount namespace may differ from ours.
    """

    def __init__(self, uid: int, gid: int, seen_by: int | None = None) -> None:
        """Raises: TargetProblem if there is no folder that both sides can use."""
        self._uid, self._gid = uid, gid
        self.folder = _make_folder(uid, seen_by)
        self._fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            self.channel = AgentChannel.listen(self.folder)
            if uid != os.geteuid():
                os.chown(self.channel.path.name, uid, gid, dir_fd=self._fd, follow_symlinks=False)
        except BaseException:
            self.close()
            raise

    def write_config(self, settings: CaptureSettings, pool_dir: Path, process_serial: int) -> Path:
        """The orders, as the agent reads them. `pool_dir` is made usable for the target's user."""
        self._open_pool_dir(pool_dir)
        return self.write(
            CONFIG,
            json.dumps(  # ASCII: a path that is no UTF-8 travels as halves of letters, which msgspec refuses
                {
                    "socket": str(self.channel.path),
                    "token": self.channel.token,
                    "pool_dir": str(pool_dir),
                    "process_serial": process_serial,
                    **settings.orders(),
                }
            ).encode(),
        )

    def write(self, name: str, content: bytes) -> Path:
        """A private file in the folder that did not exist before."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, 0o600, dir_fd=self._fd), "wb") as file:
            file.write(content)
            self._give(file.fileno())
        return self.folder / name

    def hand_over(self) -> None:
        """Make the folder the target's. Nothing may be written into it afterwards."""
        self._give(self._fd)

    def withdraw(self, orders: Path) -> Path | None:
        """The orders under a new name, for who has no claim to the first; None if they have been claimed."""
        withdrawn = orders.with_name(WITHDRAWN)
        try:
            os.rename(orders.name, WITHDRAWN, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except FileNotFoundError:
            return None
        return withdrawn

    def close(self) -> None:
        """Removes the folder with what we and the agent have put there; what else its owner has stays. Repeatable."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        for name in (SOCKET, CONFIG, CLAIMED, WITHDRAWN, SCRIPT):
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=fd)
        os.close(fd)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.channel.close()
        self.close()

    def _give(self, fd: int) -> None:
        if self._uid != os.geteuid():
            os.fchown(fd, self._uid, self._gid)

    def _open_pool_dir(self, pool_dir: Path) -> None:
        make_pool_folder(pool_dir)
        if self._uid != os.geteuid():
            give_pool_folder(pool_dir, self._uid, self._gid)


def recorder_library() -> Path:
    """The native recorder that enters targets.

    Raises: ScopeBug when it was not built.
    """
    for candidate in sorted(AGENT_DIR.glob("_scope_recorder*.so")):
        return candidate.resolve()
    raise ScopeBug("capture/agent/_scope_recorder*.so is missing: run `make setup` to build the native parts")


def _keeps_names(folder: str) -> bool:
    """Whether nobody else can rename what we make in a folder: they would put theirs in its place. Raises: OSError."""
    info = Path(folder).stat()
    is_shared = bool(info.st_mode & 0o022) or info.st_uid not in (0, os.geteuid())
    return not is_shared or (bool(info.st_mode & stat.S_ISVTX) and info.st_uid in (0, os.geteuid()))


def _make_folder(uid: int, seen_by: int | None) -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "") if uid == os.geteuid() else ""
    for parent in (runtime, tempfile.gettempdir(), "/tmp", "/dev/shm"):
        if not parent or len(os.fsencode(parent)) > LONGEST_FOLDER - len("/scope-xxxxxxxx"):
            continue
        try:
            if not _keeps_names(parent):
                continue
            if seen_by is None or Path(parent).samefile(f"/proc/{seen_by}/root{parent}"):
                return Path(tempfile.mkdtemp(prefix="scope-", dir=parent))
        except OSError:
            continue
    raise TargetProblem("There is no temporary folder that both Scope and the process can use.", "Set TMPDIR to one.")
