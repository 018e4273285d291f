"""The list of pictures is complete, and taking one works."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path

from PySide6.QtGui import QImage

from tests.gallery.camera import ALONE
from tests.gallery.catalogue import README, SESSIONS, SIZES, STATES, THEMES, VIEWS, every_picture
from tests.gallery.page import contact_sheet
from tests.interpreters import ROOT
from tests.views.pictures import near
from views.drawing.theme import LIGHT

PANELS = [path.parent.name for path in (ROOT / "views").glob("*/view.py")]


def test_every_view_is_shown_in_every_theme_and_size_for_an_empty_a_small_and_a_large_session() -> None:
    listed = {(p.what, p.theme, p.size, p.session) for p in every_picture() if p.kind == "view"}
    assert listed == set(product(VIEWS, THEMES, SIZES, SESSIONS))
    assert set(PANELS) | {"window"} <= set(VIEWS)
    assert {view for view in VIEWS if view != "window"} == set(ALONE)
    assert (len(THEMES), set(SIZES), set(SESSIONS)) == (2, {(1600, 900), (1280, 800)}, {"empty", "small", "large"})


def test_every_state_is_shown_and_no_two_pictures_have_one_name() -> None:
    pictures = list(every_picture())
    assert {picture.what for picture in pictures if picture.kind == "state"} == set(STATES)
    assert len({picture.name for picture in pictures}) == len(pictures)


def test_the_contact_sheet_shows_every_picture_once() -> None:
    pictures = list(every_picture())
    page = contact_sheet(pictures, "Scope")
    assert all(page.count(f'src="{picture.name}.png"') == 1 for picture in pictures)


def test_a_picture_is_taken_on_a_display_of_its_own(tmp_path: Path) -> None:
    only = "empty-timeline-light-1280x800"
    command = [sys.executable, "-m", "tests.gallery", "-o", str(tmp_path / "out"), "--only", only]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    image = QImage(str(tmp_path / "out" / f"{only}.png"))
    assert (image.width(), image.height()) == (1280, 800)
    assert near(image.convertToFormat(QImage.Format.Format_RGB32), LIGHT.panel, 2) > 300_000
    assert only in (tmp_path / "out" / "index.html").read_text()


def test_the_readme_shows_pictures_that_the_gallery_can_make_anew() -> None:
    readme = (ROOT / "README.md").read_text()
    names = {picture.name for picture in every_picture()}
    for name, picture in README.items():
        assert f"(tests/gallery/pictures/{name}.png)" in readme
        assert picture in names
        assert 20_000 < (ROOT / "tests" / "gallery" / "pictures" / f"{name}.png").stat().st_size < 250_000
    assert {path.stem for path in (ROOT / "tests" / "gallery" / "pictures").iterdir()} == set(README)
