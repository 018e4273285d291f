"""Recordings of real programs, driven over the real channel: launched through the launcher or entered by a signal."""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

from capture.attach.channel import AgentChannel, Message
from capture.settings import CaptureSettings
from tests.capture.agent import poolfile
from tests.interpreters import Interpreter
from tests.targets import Launcher, Target

AGENT = Path(__file__).resolve().parents[3] / "capture" / "agent"
RECORDER = AGENT / "_scope_recorder.abi3.so"
PATIENCE_S = 20.0

DOOR = f"""
import os, signal, sys
def _door(*_):
    imp = sys.modules["_imp"]
    module = imp.create_dynamic(type("spec", (), dict(name="_scope_recorder", origin={str(RECORDER)!r})))
    imp.exec_dynamic(module)
    module.start(os.environ["SCOPE_TEST_DOOR"], "", False)
signal.signal(signal.SIGUSR1, _door)
"""
"""Put before a program, it lets a test start the agent inside it with SIGUSR1."""


class Recording:
    """One recording: a private directory, a channel, a pool."""

    def __init__(self, **settings: Any) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="scope-test-"))
        self.pool_dir = self.directory / "pool" / "1"
        self.pool_dir.mkdir(mode=0o700, parents=True)
        self.config = self.directory / "config.json"
        self.settings = CaptureSettings.checked(**settings).orders()
        self.renew()

    def renew(self) -> None:
        """A new channel and an empty pool, for the next recording of the same process."""
        self.channel = AgentChannel.listen(self.directory)
        shutil.rmtree(self.pool_dir)
        self.pool_dir.mkdir(mode=0o700)
        bootstrap = {
            "socket": str(self.channel.path), "token": self.channel.token,
            "pool_dir": str(self.pool_dir), "process_serial": 1, **self.settings,
        }  # fmt: skip
        self.config.write_text(json.dumps(bootstrap))

    def launch(self, target: Launcher, interpreter: Interpreter, *words: str | Path, **options: Any) -> Target:
        """Starts a program with the recording on before its first line."""
        launcher: list[str | Path] = [interpreter.path, AGENT / "_scope_launch.py", self.config, "--"]
        started = target([*launcher, *words], **options)
        self.greet(started)
        return started

    def environment(self) -> dict[str, str]:
        return {"SCOPE_TEST_DOOR": str(self.config)}

    def attach(self, started: Target) -> Message:
        """Enters a program that begins with DOOR; its 'recording' event."""
        started.send(signal.SIGUSR1)
        return self.greet(started)

    def greet(self, started: Target) -> Message:
        assert self.channel.accept(PATIENCE_S, pid=started.pid), started.output()
        return self.channel.wait_event("recording", timeout_s=PATIENCE_S)

    def stop(self) -> Message:
        """Detach; the 'stopped' event."""
        answer = self.channel.request("stop", timeout_s=PATIENCE_S)
        self.channel.close()
        self.channel.path.unlink(missing_ok=True)
        return answer

    def read(self) -> poolfile.Pool:
        return poolfile.read(self.pool_dir)

    def read_after(self, before: poolfile.Pool) -> poolfile.Pool:
        """The pool once chunks that `before` shows were freed: sequence numbers go on from there."""
        return poolfile.read(self.pool_dir, before)

    def close(self) -> None:
        self.channel.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def script(folder: Path, text: str, name: str = "program.py") -> Path:
    """`text` as a program file."""
    path = folder / name
    path.write_text(text)
    return path


def open_files(pid: int) -> list[str]:
    """What the descriptors of a process point to."""
    return sorted(str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir())
