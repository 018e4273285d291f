"""What an agent finds when it wakes up in a target: a private folder with the socket to call and its orders.

The folder is 0700 and its files 0600, owned by the target's user; it lives only until the agent has called. Who comes
second (an attach on 3.14 may send two) finds `config.json` claimed, that is renamed, and goes away silently.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Self

import msgspec

from capture.channel import AgentChannel
from capture.errors import ScopeBug, TargetProblem
from capture.host_facts import AGENT_DIR
from capture.pool_folders import give_pool_folder, make_pool_folder
from capture.settings import CaptureSettings

LONGEST_FOLDER = 80
"""A socket's path holds 107 bytes."""


class Bootstrap:
    """The folder and the channel of one agent to come. Use it as a context manager: the folder goes with it.

    `uid`, `gid`: the target's. `seen_by`: a running target, whose mount namespace may differ from ours.
    """

    def __init__(self, uid: int, gid: int, seen_by: int | None = None) -> None:
        """Raises: TargetProblem if there is no folder that both sides can use."""
        self._uid, self._gid = uid, gid
        self.folder = _make_folder(uid, seen_by)
        try:
            self.channel = AgentChannel.listen(self.folder)
            self._give(self.channel.path)
        except BaseException:
            self.close()
            raise

    def write_config(self, settings: CaptureSettings, pool_dir: Path, process_serial: int) -> Path:
        """The orders, as the agent reads them. `pool_dir` is made usable for the target's user."""
        self._open_pool_dir(pool_dir)
        return self.write(
            "config.json",
            json.dumps(  # ASCII: a path that is no UTF-8 travels as halves of letters, which msgspec refuses
                {
                    "socket": str(self.channel.path),
                    "token": self.channel.token,
                    "pool_dir": str(pool_dir),
                    "process_serial": process_serial,
                    **msgspec.to_builtins(settings),
                }
            ).encode(),
        )

    def write(self, name: str, content: bytes) -> Path:
        """A private file in the folder that did not exist before."""
        path = self.folder / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        self._give(path)
        return path

    def hand_over(self) -> None:
        """Make the folder the target's. Nothing may be written into it afterwards: it could be led elsewhere."""
        self._give(self.folder)

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.channel.close()
        self.close()

    def _give(self, path: Path) -> None:
        if self._uid != os.geteuid():
            os.chown(path, self._uid, self._gid, follow_symlinks=False)

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


def _make_folder(uid: int, seen_by: int | None) -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "") if uid == os.geteuid() else ""
    for parent in (runtime, tempfile.gettempdir(), "/tmp", "/dev/shm"):
        if not parent or len(parent) > LONGEST_FOLDER - len("/scope-xxxxxxxx"):
            continue
        try:
            if seen_by is None or Path(parent).samefile(f"/proc/{seen_by}/root{parent}"):
                return Path(tempfile.mkdtemp(prefix="scope-", dir=parent))
        except OSError:
            continue
    raise TargetProblem("There is no temporary folder that both Scope and the process can use.", "Set TMPDIR to one.")
