"""The sessions of the gallery: recorded of real programs, or made of paper where that would take too long."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from capture.errors import ScopeError
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from tests.gallery.crowd import ABOUT, SECOND_NS, crowded_session
from tests.interpreters import ROOT
from tests.leftovers import wait_for

DEMO_S = 8.0
LIVE_S = 3.0  # of them pass before the live pictures are taken
SERVER_S = 4.0
PROGRAMS = ROOT / "tests" / "gallery" / "programs"


class Sessions:
    """Makes each session when it is needed first."""

    def __init__(self, folder: Path) -> None:
        """All go into that folder."""
        self._folder = folder
        self._made: dict[str, Path] = {}

    @contextmanager
    def ready(self, name: str, make: Callable[[Path], Path] | None) -> Iterator[str]:
        """The path of a session, '' for one that nobody makes; `live` is being recorded for as long as this lasts."""
        if name == "live":
            path = self._fresh() / "orders.scope"
            with recorded_demo(path, None):
                wait_for(lambda: _recorded_s(path) > LIVE_S, 60)
                yield str(path)
        elif make is None:
            yield ""
        else:
            if name not in self._made:
                self._made[name] = make(self._folder)
            yield str(self._made[name])

    def _fresh(self) -> Path:
        """A folder for a session of its own: each live one is another, and all have the same name."""
        folder = self._folder / f"live-{len(list(self._folder.glob('live-*')))}"
        folder.mkdir()
        return folder


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


def demo_session(folder: Path) -> Path:
    """The order service of the demo, some seconds of it."""
    path = folder / "orders.scope"
    with recorded_demo(path):
        pass
    return path


@contextmanager
def recorded_demo(path: Path, seconds: float | None = DEMO_S) -> Iterator[None]:
    """The order service, being recorded into that path, for so long or (None) until it is left; then it has ended."""
    command = [sys.executable, "-m", "orders"]
    with started(command, "ready", ROOT / "resources" / "demo") as (pid, _):
        length = ["--duration", f"{seconds:g}"] if seconds is not None else []
        words = ["attach", str(pid), *length, "--state", "orders.inventory.Stock"]
        with recorder(path, words, until_left=seconds is None):
            yield


def damaged_session(folder: Path) -> Path:
    """The crowded session, with the calls of one segment cut off in the middle."""
    path, whole = folder / "damaged.scope", folder / "shop.scope"
    shutil.copytree(whole if whole.exists() else crowded_session(folder), path)
    victim = sorted((path / "segments").glob("*.calls.parquet"))[4]
    victim.write_bytes(victim.read_bytes()[: victim.stat().st_size // 2])
    return path


def session_of(program: str) -> Callable[[Path], Path]:
    """What records a program of `programs/` from its start to its end."""

    def make(folder: Path) -> Path:
        path = folder / f"{program}.scope"
        with recorder(path, ["run", "--", sys.executable, PROGRAMS / f"{program}.py"]):
            pass
        return path

    return make


def server_session(folder: Path) -> Path:
    """`python -m http.server` under load, attached to while it works."""
    path, pages = folder / "http-server.scope", folder / "pages"
    pages.mkdir()
    (pages / "index.html").write_text("<h1>It works</h1>")
    serve = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(pages)]
    with started(serve, " port ", folder) as (pid, said):
        port = said.split(" port ")[1].split()[0]
        load = [sys.executable, "-m", "tests.journeys.load", port, "6", "60"]
        attach = ["attach", str(pid), "--duration", f"{SERVER_S:g}"]
        with started(load, "READY", ROOT), recorder(path, attach):
            pass
    return path


@contextmanager
def started(command: Sequence[str], ready: str, folder: Path) -> Iterator[tuple[int, str]]:
    """A program until the end of the block: its process, and the first line it prints, which says that it is ready."""
    program = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        said = program.stdout.readline() if program.stdout is not None else ""
        if ready not in said:
            raise SystemExit(f"this did not start: {' '.join(command)}")
        yield program.pid, said
    finally:
        program.terminate()
        program.communicate()


@contextmanager
def recorder(path: Path, words: Sequence[str | Path], *, until_left: bool = False) -> Iterator[None]:
    """A recording into that path, `words` say of what; on leaving, it has ended. `until_left`: it is ended then."""
    verb, *others = words
    command = [sys.executable, "-m", "scope_gui", verb, "--no-window", "-o", path, *others]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as recording:
        yield
        if until_left:
            recording.send_signal(signal.SIGINT)
        said, _ = recording.communicate(timeout=60)
        if recording.returncode:
            raise SystemExit(f"{path.name} was not recorded: {said.strip()}")
