"""The sessions of the gallery: one without events, one recorded of the demo, a crowded one, and a damaged copy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from capture.errors import ScopeError
from capture.session.session import Session
from capture.session.store import SegmentStore
from tests.gallery.crowd import ABOUT, SECOND_NS, crowded_session
from tests.interpreters import ROOT
from tests.leftovers import wait_for

DEMO_S = 8.0
LIVE_S = 3.0  # of them pass before the live pictures are taken


class Sessions:
    """Makes each session when it is needed first."""

    def __init__(self, folder: Path) -> None:
        """All go into that folder."""
        self._folder = folder
        self._demo = folder / "orders.scope"
        self._made: dict[str, Path] = {}

    @contextmanager
    def ready(self, name: str) -> Iterator[str]:
        """The path of a session, '' for none; that of `live` is being recorded for as long as this lasts."""
        if name == "live":
            with recorded_demo(self._demo):
                wait_for(lambda: _recorded_s(self._demo) > LIVE_S, 60)
                yield str(self._demo)
            self._made["small"] = self._demo
        else:
            yield "" if name == "none" else str(self._of(name))

    def _of(self, name: str) -> Path:
        if name not in self._made:
            if name == "small":
                with recorded_demo(self._demo):
                    pass
                self._made[name] = self._demo
            elif name == "damaged":
                self._made[name] = damaged_session(self._folder, self._of("large"))
            else:
                self._made[name] = empty_session(self._folder) if name == "empty" else crowded_session(self._folder)
        return self._made[name]


def _recorded_s(path: Path) -> float:
    """How much of a session under way can be seen."""
    try:
        with Session.open(path) as session:
            return (session.end_ns - session.start_ns) / SECOND_NS
    except ScopeError:
        return 0.0


def empty_session(folder: Path) -> Path:
    """A session that ended before anything happened."""
    path = folder / "nothing-yet.scope"
    store = SegmentStore.create(path, ABOUT, sync=False)
    store.finish()
    return path


@contextmanager
def recorded_demo(path: Path, seconds: float = DEMO_S) -> Iterator[None]:
    """The order service, being recorded into that path; on leaving, the recording has ended."""
    service = subprocess.Popen(
        [sys.executable, "-m", "orders"], cwd=ROOT / "resources" / "demo", stdout=subprocess.PIPE, text=True
    )
    words = ["attach", str(service.pid), "-o", str(path), "--duration", f"{seconds:g}", "--no-window"]
    command = [sys.executable, "-m", "scope_gui", *words, "--state", "orders.inventory.Stock"]
    try:
        if service.stdout is None or "ready" not in service.stdout.readline():
            raise SystemExit("the order service did not start")
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as recorder:
            yield
            said, _ = recorder.communicate(timeout=60)
            if recorder.returncode:
                raise SystemExit(f"the order service was not recorded: {said.strip()}")
    finally:
        service.terminate()
        service.communicate()


def damaged_session(folder: Path, whole: Path) -> Path:
    """The crowded session, with the calls of one segment cut off in the middle."""
    path = folder / "damaged.scope"
    shutil.copytree(whole, path)
    victim = sorted((path / "segments").glob("*.calls.parquet"))[4]
    victim.write_bytes(victim.read_bytes()[: victim.stat().st_size // 2])
    return path
