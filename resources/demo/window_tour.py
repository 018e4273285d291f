"""The demo in the window: `make demo`. With a display a person drives; without one the keys are pressed here.

Without a display a virtual one is started (Xvfb), the real window is opened on it, watches the order service live and
is scrubbed back with key events, and what it shows is written as pictures. Then the recording is told in words.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUT = Path("out").absolute()  # `make` runs in the checkout
SESSION = OUT / "demo.scope"
PICTURES = OUT / "demo"
TOUR = Path(__file__).with_name("tour.py")
WATCHED_S = 5.0
PATIENCE_S = 30.0
LANES_TO_A_WORKER = 4
_SHOWN_TO_NOBODY = "--for-pictures"


def main() -> int:
    if sys.argv[1:] == [_SHOWN_TO_NOBODY]:
        return film()
    remove_old()
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        print("The window opens on a live order service. Space freezes it, the left arrow goes back, ? lists all keys.")
        return subprocess.run(
            [sys.executable, "-m", "scope_gui", "demo", "-o", SESSION], cwd=ROOT, check=False
        ).returncode
    if shutil.which("Xvfb") is None:
        print("There is no display here and no Xvfb for a virtual one, so this tour is in words only.")
        return subprocess.run([sys.executable, TOUR], cwd=ROOT, check=False).returncode
    print("There is no display here: the window opens on a virtual one and pictures of it are written.", flush=True)
    with virtual_display() as display:
        own = {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "XDG_CONFIG_HOME": str(PICTURES / ".config")}
        done = subprocess.run(
            [sys.executable, __file__, _SHOWN_TO_NOBODY], cwd=ROOT, env={**os.environ, **own}, check=False
        )
    shutil.rmtree(PICTURES / ".config", ignore_errors=True)
    if done.returncode:
        return done.returncode
    told = subprocess.run([sys.executable, TOUR, "--again"], cwd=ROOT, check=False)
    pictures = (PICTURES / "*.png").relative_to(OUT.parent)
    print(f"\nPictures of the window: {pictures}. With a display, `make demo` opens it.")
    return told.returncode


def remove_old() -> None:
    """The session and pictures of the last demo."""
    for folder in (SESSION, PICTURES):
        shutil.rmtree(folder, ignore_errors=True)
    SESSION.unlink(missing_ok=True)


@contextmanager
def virtual_display() -> Iterator[str]:
    """The name of a display of our own, which is gone afterwards."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x900x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as said:
            number = said.readline().strip()
        if not number:
            raise SystemExit("Xvfb did not start")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()


def film() -> int:
    """Opens the window on the demo, presses the keys and takes the pictures."""
    from PySide6.QtCore import QTimer  # noqa: PLC0415 - nobody else here needs Qt

    from scope_gui.window.app import Application  # noqa: PLC0415
    from views.loop.recording_events import StartDemo  # noqa: PLC0415

    PICTURES.mkdir(parents=True, exist_ok=True)
    application = Application()
    status = [1]

    def play() -> None:
        try:
            Camera(application).shoot()
            status[0] = 0
        except (TimeoutError, OSError) as problem:
            print(problem, file=sys.stderr)
        finally:
            application.window.close()

    application.store.send(StartDemo(path=str(SESSION)))
    QTimer.singleShot(0, play)
    application.run()
    return status[0]


class Camera:
    """A person at the keyboard who takes a picture now and then."""

    def __init__(self, application: object) -> None:
        from scope_gui.window.app import Application  # noqa: PLC0415

        assert isinstance(application, Application)
        self._window, self._store = application.window, application.store

    def shoot(self) -> None:
        """The story: watch it live, freeze it, go back to what led there, mark the moment, stop and save."""
        self.wait_for(lambda: self._store.assigns.frame is not None, "a live session")
        self._window.activateWindow()  # this display has no window manager that would do it
        self.wait_for(self._window.isActiveWindow, "the window with the keyboard")
        self.rest(WATCHED_S)
        self.picture("1-live")
        self.press("Space")
        self.press(*["Down"] * LANES_TO_A_WORKER)
        self.press(*["Shift+Left"] * 20)
        self.picture("2-frozen-and-scrubbed-back-200-events")
        self.press("W", "W", "W", "W", "W")
        self.press(*["Left"] * 5)
        self.press("B")
        self.picture("3-closer-and-bookmarked")
        self.press("End")
        self.picture("4-live-again")
        self.press("Ctrl+Shift+S")
        self.wait_for(lambda: not (self._store.assigns.session and self._store.assigns.session.live), "a saved session")
        self.press("Shift+N")
        self.picture("5-saved-and-back-at-the-bookmark")

    def press(self, *keys: str) -> None:
        """Presses keys, one after the other, as fast as the window follows."""
        from PySide6.QtTest import QTest  # noqa: PLC0415

        for key in keys:
            QTest.keySequence(self._window, key)
            self.rest(0.02)
            self.wait_for(self._is_at_rest, f"rest after {key}")

    def picture(self, name: str) -> None:
        """Writes what the window shows."""
        self.rest(0.4)  # the building and the maps answer from threads of their own
        path = PICTURES / f"{name}.png"
        if not self._window.grab().save(str(path)):
            raise OSError(f"{path} cannot be written")
        at_s = self._store.assigns.cursor_ns / 1e9
        print(f"  {path.relative_to(OUT.parent)}   at {at_s:.6f} s", flush=True)

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Lets the window work until it is so."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"never seen in the window: {what}; {self._store.assigns.notice}")
            self.rest(0.02)

    def rest(self, seconds: float) -> None:
        """Lets the window work for a while; QTest.qWait would keep all other threads waiting."""
        from PySide6.QtCore import QEventLoop, QTimer  # noqa: PLC0415

        loop = QEventLoop()
        QTimer.singleShot(int(seconds * 1000), loop.quit)
        loop.exec()

    def _is_at_rest(self) -> bool:
        shown = self._store.assigns
        return not (self._store.has_waiting or shown.steps or shown.frame_wanted_ns is not None)


if __name__ == "__main__":
    sys.exit(main())
