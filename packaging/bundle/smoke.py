"""Tries a bundle where nothing helps it: an empty folder, an empty environment, a PATH without any Python.

Also by itself: `.venv/bin/python packaging/bundle/smoke.py dist/scope-gui-....tar.gz`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 120
COMMANDS = ("dirname", "readlink")  # all that the launcher asks of the system, besides its shell
SYSTEM = re.compile(r"/(usr/)?lib(64)?/(?!python)|/usr/share/|/etc/|/dev/|/memfd:|/var/cache/fontconfig/")
PROGRAM = """
import os, time
def work(n):
    return sum(range(n))
if __name__ == "__main__":
    print("ready", flush=True)
    until = time.monotonic() + float(os.environ["SECONDS"])
    while time.monotonic() < until:
        work(1000)
        time.sleep(0.001)
"""
# A window on a session; then what this process has loaded.
LOOK = """
import json, os, sys
from PySide6.QtCore import QTimer
import networkx, scope_gui.window.app, scope_gui.places
from views.loop.recording_events import OpenSession
application = scope_gui.window.app.Application(OpenSession(path=sys.argv[1], at="50%"))
waited = 0
def look():
    global waited
    waited += 1
    if application.store.assigns.frame is None and waited < 300:
        return
    timer.stop()
    application.window.grab().save(sys.argv[2])
    application.window.close()
timer = QTimer()
timer.timeout.connect(look)
timer.start(100)
application.run()
with open("/proc/self/maps") as maps:
    files = {line.split(None, 5)[5].strip() for line in maps if len(line.split(None, 5)) == 6}
files |= {module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)}
print(json.dumps([application.store.assigns.frame is not None, str(scope_gui.places.resource_path("demo")),
                  scope_gui.places.own_program(), sorted(name for name in files if name.startswith("/"))]))
"""


class Bundle:
    """An unpacked bundle, and the poor surroundings in which it is run."""

    def __init__(self, archive: Path, folder: Path) -> None:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="tar")
        (self.home,) = folder.iterdir()
        self.launcher = self.home / "scope-gui"
        self.python = self.home / "python" / "bin" / "python3"
        self.cwd = folder / "empty"
        tools = folder / "tools"
        for place in (self.cwd, tools):
            place.mkdir()
        for name in COMMANDS:
            (tools / name).symlink_to(shutil.which(name) or "")
        self.environment = {
            "PATH": str(tools),
            "HOME": str(self.cwd),
            "LANG": "C.UTF-8",
            "QT_QPA_PLATFORM": "offscreen",
            "SECONDS": "1",
            # What must not reach Scope: with these no Python starts, or the wrong libraries are found.
            "PYTHONHOME": "/nowhere",
            "PYTHONPATH": str(ROOT),
        }

    def scope(self, *words: str | Path) -> str:
        return self._output(self.launcher, *words)

    def scope_json(self, *words: str | Path) -> Any:
        return json.loads(self.scope(*words, "--json"))

    def own_python(self, *words: str | Path) -> str:
        return self._output(self.python, "-I", *words)

    def _output(self, *command: str | Path) -> str:
        done = subprocess.run(
            command, cwd=self.cwd, env=self.environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        if done.returncode or "Traceback" in done.stderr:
            raise SystemExit(f"{' '.join(map(str, command))}\nexit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout


def run(archive: Path, version: str) -> None:
    """All of it, one line each.

    Raises: SystemExit with what went wrong.
    """
    with tempfile.TemporaryDirectory(prefix="scope-smoke-") as scratch:
        bundle = Bundle(archive, Path(scratch))
        steps: list[tuple[str, Callable[[], object]]] = [
            ("says its version", lambda: _expect(bundle.scope("--version") == f"scope-gui {version}\n")),
            ("records a program with its own Python", lambda: _record(bundle)),
            ("answers info, frame, query, verify, index and pack", lambda: _ask(bundle)),
            ("opens a window from its own files only", lambda: _look(bundle)),
            ("exports a picture and a moving one", lambda: _export(bundle)),
            ("draws the building with OpenGL, where there is a display", lambda: _draw(bundle)),
            ("adds itself to the desktop's menu", lambda: _install(bundle)),
            *((f"attaches to Python {minor}", _attaching(bundle, python)) for minor, python in _targets()),
        ]
        for title, step in steps:
            began_s = time.monotonic()
            outcome = step()
            print(
                f"  {'skipped' if outcome is False else 'ok':<7} {title} ({time.monotonic() - began_s:.1f} s)",
                flush=True,
            )


def _expect(condition: bool, what: object = "") -> None:
    if not condition:
        raise SystemExit(f"the bundle does not do what it should: {what}")


def _record(bundle: Bundle) -> None:
    (bundle.cwd / "app.py").write_text(PROGRAM)
    del bundle.environment["PYTHONHOME"], bundle.environment["PYTHONPATH"]  # they do reach the program
    bundle.scope("run", "--no-window", "-o", "app.scope", "--", "app.py")
    bundle.environment |= {"PYTHONHOME": "/nowhere", "PYTHONPATH": str(ROOT)}


def _ask(bundle: Bundle) -> None:
    info = bundle.scope_json("info", "app.scope")
    _expect(info["complete"] and info["produced"] == info["recorded"] > 100, info)
    frame = bundle.scope_json("frame", "app.scope", "--at", "50%")
    functions = {entry["function"] for track in frame["tracks"] for entry in track["stack"]}
    _expect("<module>" in functions, frame)
    rows = bundle.scope("query", "app.scope", "SELECT count(*) AS n FROM calls", "--format", "json")
    _expect(json.loads(rows)[0]["n"] > 50, rows)
    _expect(bundle.scope_json("verify", "app.scope")["problems"] == [])
    bundle.scope("index", "app.scope")
    bundle.scope("pack", "app.scope", "-o", "packed.scope")
    _expect(bundle.scope_json("info", "packed.scope")["recorded"] == info["recorded"])


def _look(bundle: Bundle) -> None:
    (bundle.cwd / "look.py").write_text(LOOK)
    told = bundle.own_python("look.py", "packed.scope", "window.png")
    has_frame, demo, program, files = json.loads(told.splitlines()[-1])
    _expect(has_frame, "no frame came")
    _expect(Path(demo).is_relative_to(bundle.home) and program == [str(bundle.launcher)], (demo, program))
    own = (str(bundle.home), str(bundle.cwd))
    foreign = [name for name in files if not name.startswith(own) and not SYSTEM.match(name)]
    _expect(not foreign, f"it loaded {foreign}")
    _expect((bundle.cwd / "window.png").stat().st_size > 10_000, "the picture is empty")
    shutil.copy2(bundle.cwd / "window.png", ROOT / "dist" / "window.png")


def _export(bundle: Bundle) -> None:
    bundle.scope("export", "packed.scope", "--at", "50%", "--view", "timeline", "-o", "timeline.png")
    _expect((bundle.cwd / "timeline.png").read_bytes().startswith(b"\x89PNG"), "no picture was written")
    moving = ("--from", "40%", "--to", "60%", "--frames", "3", "-o", "moving.gif")
    bundle.scope("export", "packed.scope", "--view", "timeline", *moving)
    _expect((bundle.cwd / "moving.gif").read_bytes().startswith(b"GIF89a"), "no moving picture was written")


def _draw(bundle: Bundle) -> bool:
    display = shutil.which("xvfb-run")
    if display is None:
        return False
    environment = {**bundle.environment, "PATH": os.environ["PATH"], "QT_QPA_PLATFORM": "xcb"}
    command = [display, "-a", "-s", "-screen 0 800x600x24", str(bundle.python), "-I", "-m", "views.building.gl_probe"]
    done = subprocess.run(command, cwd=bundle.cwd, env=environment, timeout=LIMIT_S, check=False)
    _expect(done.returncode == 0, "no picture came out of Qt3D")
    return True


def _install(bundle: Bundle) -> None:
    bundle.scope("--install-desktop")
    entry = (bundle.cwd / ".local" / "share" / "applications" / "scope-gui.desktop").read_text()
    found = re.search(r"^TryExec=(.*)$", entry, re.MULTILINE)
    _expect(found is not None and found[1] == str(bundle.launcher), entry)
    bundle.scope("--uninstall-desktop")


def _attaching(bundle: Bundle, python: Path) -> Callable[[], None]:
    def attach() -> None:
        name = f"attached-{python.name}.scope"
        with _running(python, bundle.cwd / "app.py") as pid:
            bundle.scope("attach", str(pid), "--no-window", "-o", name, "--duration", "0.5")
        info = bundle.scope_json("info", name)
        _expect(info["complete"] and info["produced"] == info["recorded"] > 50, info)

    return attach


@contextmanager
def _running(python: Path, program: Path) -> Iterator[int]:
    """A target of ours, ended by its pid."""
    with subprocess.Popen(
        [python, program], stdout=subprocess.PIPE, text=True, env={**os.environ, "SECONDS": "60"}
    ) as target:
        try:
            _expect(target.stdout is not None and "ready" in target.stdout.readline(), f"{python} does not start")
            yield target.pid
        finally:
            target.terminate()


def _targets() -> list[tuple[str, Path]]:
    """Every Python that is found here."""
    sys.path.insert(0, str(ROOT))
    from tests import interpreters  # noqa: PLC0415 - the tests know where to look

    return [(str(found), found.path) for found in interpreters.found()]


if __name__ == "__main__":
    name = Path(sys.argv[1])
    run(name.absolute(), name.name.split("-")[2])
