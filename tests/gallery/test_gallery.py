"""The list of pictures is complete, and taking one works."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
from PySide6.QtGui import QImage

from tests.gallery.camera import ALONE
from tests.gallery.catalogue import README, SCREENS, SESSIONS, THEMES, VIEWS, every_picture
from tests.gallery.page import contact_sheet
from tests.interpreters import ROOT
from tests.views.pictures import near
from views.drawing.theme import DARK, LIGHT
from views.loop.state import Theme

PANELS = [path.parent.name for path in (ROOT / "views").glob("*/view.py")]


def test_all_that_a_row_names_is_shown_in_every_theme_on_every_screen() -> None:
    listed = {(p.session, p.kind, p.what, p.theme, p.screen) for p in every_picture()}
    rows = [
        (row.name, kind, what)
        for row in SESSIONS
        for kind, names in (("view", row.views), ("state", row.states), ("dialog", row.dialogs))
        for what in names
    ]
    assert listed == {(*row, theme, screen) for row, theme, screen in product(rows, THEMES, SCREENS)}
    assert get_args(Theme) == THEMES
    assert {screen.name for screen in SCREENS} == {"1600x900", "1280x800", "2560x1440-at-2"}


def test_every_view_is_shown_of_an_empty_a_small_and_a_large_session_and_the_window_of_all() -> None:
    by_name = {row.name: row for row in SESSIONS}
    assert len(by_name) == len(SESSIONS)
    assert set(PANELS) | {"window"} <= set(VIEWS)
    assert {view for view in VIEWS if view != "window"} == set(ALONE)
    assert all(by_name[name].views == VIEWS for name in ("empty", "small", "large"))
    whole = {"24 threads", "500 threads", "recursion", "10 M events", "asyncio", "web server"}
    assert {name for name, row in by_name.items() if "window" in row.views} == {"empty", "small", "large"} | whole


def test_no_two_pictures_have_one_name() -> None:
    pictures = list(every_picture())
    assert len({picture.name for picture in pictures}) == len(pictures)


def test_the_contact_sheet_shows_every_picture_once() -> None:
    pictures = list(every_picture())
    page = contact_sheet(pictures, "Scope")
    assert all(page.count(f'src="{picture.name}.png"') == 1 for picture in pictures)


@pytest.mark.parametrize(
    ("only", "size", "ground"),
    [
        ("empty-timeline-light-1280x800", (1280, 800), LIGHT.panel),
        ("recursion-near-dark-2560x1440-at-2", (2560, 1440), DARK.panel),
    ],
)
def test_a_picture_is_taken_on_a_display_of_its_own(
    only: str, size: tuple[int, int], ground: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.gallery", "-o", str(tmp_path / "out"), "--only", only]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    image = QImage(str(tmp_path / "out" / f"{only}.png"))
    assert (image.width(), image.height()) == size
    assert near(image.convertToFormat(QImage.Format.Format_RGB32), ground, 2) > 300_000
    assert only in (tmp_path / "out" / "index.html").read_text()


def test_the_readme_shows_pictures_that_the_gallery_can_make_anew() -> None:
    readme = (ROOT / "README.md").read_text()
    names = {picture.name for picture in every_picture()}
    for name, picture in README.items():
        assert f"(tests/gallery/pictures/{name}.png)" in readme
        assert picture in names
        assert 20_000 < (ROOT / "tests" / "gallery" / "pictures" / f"{name}.png").stat().st_size < 250_000
    assert {path.stem for path in (ROOT / "tests" / "gallery" / "pictures").iterdir()} == set(README)
