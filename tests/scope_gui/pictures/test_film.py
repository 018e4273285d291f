"""Animated GIFs: what was added comes back, surfaces that stay the same keep their colour, thin marks theirs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage, QLinearGradient, QPainter

from scope_gui.pictures.film import MAX_COLOURS, Film


def page(at: int, width: int = 203) -> QImage:
    """A dark page with a bar that moves, a thin red mark, and a gradient; lines of no round number of bytes."""
    image = QImage(width, 60, QImage.Format.Format_RGB32)
    image.fill(QColor("#14171c"))
    painter = QPainter(image)
    shades = QLinearGradient(0, 0, width, 0)
    shades.setColorAt(0, QColor("#5b9bf0"))
    shades.setColorAt(1, QColor("#f0a648"))
    painter.fillRect(0, 0, width, 10, shades)
    painter.fillRect(10 + at * 5, 20, 20, 20, Qt.GlobalColor.white)
    painter.fillRect(5, 50, 3, 3, QColor("#f2665c"))
    painter.end()
    return image


def frames_of(path: Path) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    found = []
    with Image.open(path) as film:
        for at in range(getattr(film, "n_frames", 1)):
            film.seek(at)
            found.append(np.asarray(film.convert("RGB")))
    return found


def test_pictures_come_back_in_their_order_with_the_colours_that_they_share(tmp_path: Path) -> None:
    film = Film(tmp_path / "a.gif", 6, 10)
    for at in range(6):
        film.add(page(at))
    assert list(tmp_path.iterdir()) == []
    film.finish()
    shown = frames_of(tmp_path / "a.gif")
    assert [frame.shape for frame in shown] == [(60, 203, 3)] * 6
    for at, frame in enumerate(shown):
        assert np.abs(frame[30, 20 + at * 5].astype(int) - 255).max() <= 8
        assert np.abs(frame[51, 6].astype(int) - [0xF2, 0x66, 0x5C]).max() <= 16
        assert (frame[40:50] == shown[0][40:50]).all()  # nothing flickers


def test_a_film_of_one_picture_is_one(tmp_path: Path) -> None:
    film = Film(tmp_path / "a.gif", 1, 10)
    film.add(page(0))
    film.finish()
    assert len(frames_of(tmp_path / "a.gif")) == 1


def test_more_colours_than_can_be_counted_are_reduced_first(tmp_path: Path) -> None:
    side = 300
    assert side * side > MAX_COLOURS
    values = np.arange(side * side, dtype=np.uint32).reshape(side, side) * 180 | 0xFF000000
    image = QImage(values.data, side, side, 4 * side, QImage.Format.Format_RGB32)
    film = Film(tmp_path / "a.gif", 2, 10)
    film.add(image)
    film.add(page(0, side).scaled(side, side))
    film.finish()
    assert len(frames_of(tmp_path / "a.gif")) == 2


@pytest.mark.parametrize("late", [False, True])
def test_one_that_is_given_up_writes_nothing(tmp_path: Path, late: bool) -> None:
    film = Film(tmp_path / "a.gif", 2, 10)
    film.add(page(0))
    if late:
        film.add(page(1))
    film.give_up()
    film.finish()
    assert list(tmp_path.iterdir()) == []
