"""The SVG is the PNG in shapes and text: the same where it is painted again, small, and of nothing but what is seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from capture.errors import TargetProblem
from capture.session.session import Session
from dags.analyses.lod import Array
from dags.frame.reader import FrameReader
from scope_gui.pictures import vectors
from scope_gui.pictures.offscreen import Offscreen
from scope_gui.pictures.plan import WINDOW, views
from scope_gui.pictures.vectors import Vectors
from scope_gui.window.window import MainWindow
from tests.sessions import build_session
from tests.views.pictures import pixels
from views.drawing import vectors as drawing
from views.drawing.vectors import runs_of
from views.loop.events import FrameReady, Mark, SeekTo
from views.loop.state import Assigns, Theme
from views.loop.update import handle_event
from views.reading.opening import session_opened
from views.reading.source import Source

SIZE = (1100, 640)
FAR_OFF = 64
CELL, CELL_OFF = 16, 40
LETTERS_SHARE = 0.05
"""Letters of an SVG are painted as paths: their edges differ from those of a font's own pixels."""


class Desk:
    """A session, of which pictures are made."""

    def __init__(self, session: Session) -> None:
        self.source, self.frames = Source(session), FrameReader(session)
        self.middle_ns = (session.start_ns + session.end_ns) // 2
        assigns = handle_event(Assigns(), session_opened(session, self.source.names, 1, at_ns=self.middle_ns))
        assigns = handle_event(assigns, SeekTo(time_ns=self.middle_ns // 2))
        assigns = handle_event(assigns, Mark())
        self.assigns = handle_event(assigns, SeekTo(time_ns=self.middle_ns))

    def take(self, view: str, theme: Theme = "dark") -> tuple[QImage, Vectors]:
        """The picture, and the same as an SVG."""
        frame = self.frames.at(self.middle_ns)
        shown = handle_event(self.assigns, FrameReady(key=1, time_ns=self.middle_ns, frame=frame))
        made = Offscreen(view, self.source, replace(shown, theme=theme), SIZE, make_desk=MainWindow)
        try:
            made.show(frame)
            made.load()
            return made.picture(), made.vectors()
        finally:
            made.close()


@pytest.fixture(scope="module")
def desk(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    path = build_session(tmp_path_factory.mktemp("recorded") / "orders.scope", events=900, tracks=3, segments=3).path
    sheet, colours = qapp.styleSheet(), qapp.palette()
    with Session.open(path) as session:
        yield Desk(session)
    qapp.setStyleSheet(sheet)
    qapp.setPalette(colours)


def painted(svg: Vectors) -> QImage:
    renderer = QSvgRenderer(svg.text.encode())
    assert renderer.isValid()
    assert (renderer.defaultSize().width(), renderer.defaultSize().height()) == SIZE
    image = QImage(*SIZE, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    renderer.render(painter)
    painter.end()
    return image


def coarse(picture: Array) -> Array:
    """The mean of each cell: what letters come to wherever their edges are."""
    high, wide = SIZE[1] // CELL, SIZE[0] // CELL
    found: Array = picture[: high * CELL, : wide * CELL].reshape(high, CELL, wide, CELL, 3).mean(axis=(1, 3))
    return found


@pytest.mark.parametrize("view", views())
def test_painted_again_it_is_the_png_but_for_the_edges_of_letters(desk: Desk, view: str) -> None:
    theme: Theme = "light" if view in ("building", "inspector") else "dark"
    picture, svg = desk.take(view, theme)
    own, again = (
        pixels(picture.convertToFormat(QImage.Format.Format_RGB32)).astype(int),
        pixels(painted(svg)).astype(int),
    )
    assert own.shape == again.shape
    assert (np.abs(own - again).max(axis=2) > FAR_OFF).mean() < LETTERS_SHARE
    away = np.abs(coarse(own) - coarse(again)).max(axis=2)
    at = np.unravel_index(away.argmax(), away.shape)
    assert away.max() < CELL_OFF, f"something is not where it was, around {int(at[1]) * CELL}, {int(at[0]) * CELL}"


def test_text_is_text_and_calls_are_shapes(desk: Desk) -> None:
    _, svg = desk.take("timeline")
    words = re.findall(r">([^<>]+)</text>", svg.text)
    assert {"orders.scope", "worker-2", "worker-3"} <= {word.strip() for word in words}
    assert any(word.startswith("Overview") for word in words)
    assert svg.pixel_parts == 0 and svg.said == ""
    assert "<image" not in svg.text
    assert len(svg.text) < 400_000
    _, window = desk.take(WINDOW)
    assert window.pixel_parts == 0


def test_too_many_colours_stay_pixels_and_are_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "MOST_RUNS", 3)
    picture, svg = desk.take("timeline")
    assert svg.pixel_parts > 1
    assert (
        svg.said == f"{svg.pixel_parts} parts of the picture are pixels in it: there are too many colours for shapes."
    )
    away = np.abs(pixels(picture.convertToFormat(QImage.Format.Format_RGB32)).astype(int) - pixels(painted(svg)))
    assert (away.max(axis=2) > FAR_OFF).mean() < LETTERS_SHARE


def test_one_that_is_too_large_is_refused_in_a_sentence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "MOST_BYTES", 1 << 10)
    with pytest.raises(TargetProblem, match=r"As an SVG it would have .*, and 1.KiB are the most"):
        desk.take("timeline")


def test_no_path_of_this_machine_is_in_it(desk: Desk) -> None:
    for view in views():
        _, svg = desk.take(view)
        assert str(Path(desk.assigns.session.path).parent) not in svg.text if desk.assigns.session else False
        assert "file:" not in svg.text
        assert not re.search(r'href="(?!data:)', svg.text)


def test_runs_are_all_the_pixels_that_are_seen() -> None:
    random = np.random.default_rng(3)
    rows = (random.integers(0, 3, (5, 40)) * 0x7F00_0001).astype(np.uint32)
    runs = runs_of(rows)
    assert runs is not None
    again = np.zeros_like(rows)
    for row, first, end, colour in runs.tolist():
        assert (again[row, first:end] == 0).all()
        again[row, first:end] = colour
    assert (again == rows).all()
