"""Pictures without a display: the same as the window's own, from an empty folder, whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtGui import QImage

from capture.session.session import Session
from scope_gui.pictures.plan import Pace, moments
from tests.interpreters import ROOT
from tests.journeys.stories.pictures import VIEWS
from tests.scope_command import COMMAND, scope, scope_series
from tests.sessions import build_session
from tests.views.pictures import pixels
from tests.views.words_in_pictures import Page
from views.words.figures import clock_text

pytestmark = pytest.mark.usefixtures("qapp")  # the words in a picture are painted once more
PLACES = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "XDG_RUNTIME_DIR")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_session(tmp_path_factory.mktemp("recorded") / "orders.scope", events=900, tracks=3, segments=3).path


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, Any]:
    """An empty folder to start from, and an environment in which no window could open."""
    environment = {name: value for name, value in os.environ.items() if name not in PLACES}
    folder = tmp_path / "empty"
    folder.mkdir()
    return {"cwd": folder, "env": {**environment, "PYTHONPATH": str(ROOT), "HOME": str(folder)}}


def picture(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The pixels of a file."""
    return pixels(QImage(str(path)).convertToFormat(QImage.Format.Format_RGB32))


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_export_is_the_windows_own_picture(
    theme: str, session: Path, play: Any, bare: dict[str, Any], tmp_path: Path
) -> None:
    settings = tmp_path / "config" / "scope-gui" / "window.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'{{"theme": "{theme}"}}')
    sizes = play("look", "open", session, "--at", "50%", env={"SCOPE_3D": "off"})
    wrong = {}
    where = ["export", session, "--at", "50%", "--theme", theme]
    commands = [
        [*where, "--view", view, "--size", "{}x{}".format(*sizes[view]), "-o", f"{view}.png"]
        for view in ("window", *VIEWS)
    ]
    assert {(done.returncode, done.stderr) for done in scope_series(commands, **bare)} == {(0, "")}
    for view in ("window", *VIEWS):
        width, height, above = sizes[view]
        own, exported = picture(tmp_path / f"{view}.png"), picture(bare["cwd"] / f"{view}.png")
        assert exported.shape == (height, width, 3)
        different = np.argwhere((exported[above : above + own.shape[0]] != own).any(axis=2))
        if len(different):
            wrong[view] = f"{len(different)} pixels, from {different.min(0)} to {different.max(0)}"
    assert wrong == {}


def test_a_picture_says_what_it_shows(qapp: object, session: Path, bare: dict[str, Any]) -> None:
    with Session.open(session) as opened:
        middle_ns = opened.start_ns + (opened.end_ns - opened.start_ns) // 2
    threads = ("worker-2", "worker-3", "worker-4")
    must = {
        "window": ("orders.scope", clock_text(middle_ns), "worker-2"),
        "timeline": ("orders.scope", clock_text(middle_ns), "recorded", "orders.py 4711", *threads, "events lost"),
        "building": (clock_text(middle_ns), *threads, "Largest rooms"),
        "supervision": (clock_text(middle_ns), "● orders.py", "not captured", "◌ waiting"),
        "inspector": (clock_text(middle_ns), "no state has a value yet", "since the last change"),
        "metrics": (clock_text(middle_ns), "Memory", "all processes together"),
    }
    unread = {}
    where = ["export", session, "--at", "50%", "--size", "1200x640"]
    done = scope_series([[*where, "--view", view, "-o", f"{view}.png"] for view in must], **bare)
    assert {one.returncode for one in done} == {0}, done
    for view, words in must.items():
        unread[view] = Page(QImage(str(bare["cwd"] / f"{view}.png"))).missing(*words)
    assert unread == {view: [] for view in must}


def test_a_sequence_is_a_folder_or_a_film_of_equal_steps(session: Path, bare: dict[str, Any]) -> None:
    where = ["export", session, "--from", "20%", "--to", "80%", "--view", "timeline", "--size", "640x360"]
    told = scope(*where, "--frames", "5", "-o", "frames", **bare)
    assert told.stderr.splitlines()[-1] == "5 of 5 pictures"
    made = sorted((bare["cwd"] / "frames").iterdir())
    assert [path.name for path in made] == ["00001.png", "00002.png", "00003.png", "00004.png", "00005.png"]
    with Session.open(session) as opened:
        length_ns = opened.end_ns - opened.start_ns
        span_ns = opened.start_ns + length_ns * 20 // 100, opened.start_ns + length_ns * 80 // 100
    middle_ns = moments(span_ns, Pace(pictures=5))[2]
    scope(*where, "--at", f"{middle_ns}ns", "-o", "middle.png", **bare)
    assert (picture(made[2]) == picture(bare["cwd"] / "middle.png")).all()
    assert len({path.read_bytes() for path in made}) == 5

    scope(*where, "--frames", "5", "--fps", "4", "-o", "film.gif", **bare)
    with Image.open(bare["cwd"] / "film.gif") as film:
        assert (getattr(film, "n_frames", 1), film.size, film.info["duration"]) == (5, (640, 360), 250)
        film.seek(2)
        shown = np.asarray(film.convert("RGB")).astype(int)
    assert np.abs(shown - picture(made[2]).astype(int)).mean() < 3


def test_a_picture_in_shapes_has_its_words_as_text(session: Path, bare: dict[str, Any]) -> None:
    where = ["export", session, "--at", "50%", "--size", "1000x500"]
    series = [[*where, "--view", "timeline", "-o", "a.svg"], [*where, "--format", "svg", "-o", "window.SVG"]]
    assert {(done.returncode, done.stderr) for done in scope_series(series, **bare)} == {(0, "")}
    for name in ("a.svg", "window.SVG"):
        text = (bare["cwd"] / name).read_text()
        assert text.startswith("<?xml")
        assert ">worker-2</text>" in text
        assert str(session.parent) not in text
        assert str(bare["cwd"]) not in text


def test_what_is_wrong_is_one_sentence_and_nothing_is_written(session: Path, bare: dict[str, Any]) -> None:
    (bare["cwd"] / "no.scope").write_text("no session")
    (bare["cwd"] / "locked").mkdir(mode=0o500)
    one, many = ["--at", "50%", "-o", "a.png"], ["--from", "start", "--to", "end", "-o", "frames"]
    wrong: list[tuple[int, str, list[object]]] = [
        (2, "invalid choice", [session, *one, "--view", "roof"]),
        (2, "not a size", [session, *one, "--size", "large"]),
        (2, "too small", [session, *one, "--size", "640x480"]),
        (2, "say which moment", [session, "-o", "a.png"]),
        (2, "say how many pictures", [session, *many]),
        (2, "belongs to a sequence", [session, *one, "--fps", "3"]),
        (2, "take one of them", [session, *many, "--frames", "3", "--speed", "2"]),
        (1, "outside this session", [session, "--at", "99h", "-o", "a.png"]),
        (1, "outside what the timeline", [session, *one, "--from", "60%"]),
        (2, "is not a time", [session, "--at", "noon", "-o", "a.png"]),
        (1, "is after", [session, *many, "--fps", "2", "--from", "60%", "--to", "50%"]),
        (1, "no track 99", [session, *one, "--track", "99"]),
        (1, "no.scope", ["no.scope", *one]),
        (1, "nowhere.scope", ["nowhere.scope", *one]),
        (1, "no folder nowhere", [session, "--at", "50%", "-o", "nowhere/a.png"]),
        (2, "wants a name that ends in .svg", [session, "--at", "50%", "--format", "svg", "-o", "a.png"]),
        (2, "is of a single picture", [session, "--format", "svg", "--frames", "2", "--from", "start", "-o", "a.svg"]),
        (1, "ends in neither .png nor .svg", [session, "--at", "50%", "-o", "a.jpg"]),
        (1, "The picture /proc/a.png cannot be written", [session, "--at", "50%", "-o", "/proc/a.png"]),
        (1, "The folder /proc/a cannot be written", [session, *many[:4], "--frames", "2", "-o", "/proc/a"]),
    ]
    if os.getuid() != 0:
        wrong.append((1, "Permission denied", [session, "--at", "50%", "-o", "locked/a.png"]))
    every = scope_series([["export", *words] for _, _, words in wrong], **bare)
    for (code, sentence, _), done in zip(wrong, every, strict=True):
        assert done.returncode == code, done.args
        lines = [line for line in done.stderr.splitlines() if line.startswith("scope-gui")]
        assert len(lines) == 1, done.stderr
        assert sentence in lines[0]
        assert done.stdout == ""
    assert sorted(path.name for path in bare["cwd"].iterdir()) == ["locked", "no.scope"]


def test_a_damaged_session_is_exported_and_never_as_if_it_were_whole(tmp_path: Path, bare: dict[str, Any]) -> None:
    damaged = build_session(tmp_path / "damaged.scope", events=900, tracks=3, segments=3).path
    for name in ("events", "calls"):
        [second] = (damaged / "segments").glob(f"*2.{name}.parquet")
        second.write_bytes(b"nothing of it" * 9)
    done = scope("export", damaged, "--at", "50%", "-o", "a.png", **bare)
    assert "damaged.scope is damaged" in done.stderr
    scope("export", damaged, "--at", "50%", "--view", "timeline", "-o", "b.png", **bare)
    assert Page(QImage(str(bare["cwd"] / "b.png"))).missing("damaged.scope", "worker-2") == []


def test_ctrl_c_leaves_whole_pictures_only(session: Path, bare: dict[str, Any]) -> None:
    where = ["export", session, "--from", "start", "--to", "end", "--frames", "5000", "-o", "frames"]
    with subprocess.Popen([*COMMAND, *map(str, where)], stderr=subprocess.PIPE, text=True, **bare) as running:
        try:
            while not (bare["cwd"] / "frames" / "00003.png").exists():
                assert running.poll() is None
            running.send_signal(signal.SIGINT)
            _, said = running.communicate(timeout=30)
        finally:
            running.kill()
    assert running.returncode == 1
    made = sorted((bare["cwd"] / "frames").iterdir())
    assert f"interrupted; {len(made)} of 5000 pictures are in frames" in said
    assert "Traceback" not in said
    assert {path.suffix for path in made} == {".png"}
    assert all(picture(path).shape == (900, 1600, 3) for path in made)


def test_ctrl_c_leaves_no_half_of_a_film(session: Path, bare: dict[str, Any]) -> None:
    where = ["export", session, "--from", "start", "--to", "end", "--frames", "40", "-o", "film.gif"]
    where += ["--size", "640x360", "--view", "timeline"]
    with subprocess.Popen([*COMMAND, *map(str, where)], stderr=subprocess.PIPE, text=True, **bare) as running:
        try:
            assert running.stderr is not None
            assert running.stderr.readline() == "4 of 40 pictures\n"
            running.send_signal(signal.SIGINT)
            _, said = running.communicate(timeout=30)
        finally:
            running.kill()
    assert running.returncode == 1
    assert "interrupted; nothing was written" in said
    assert list(bare["cwd"].iterdir()) == []
