"""A view's picture: its title can be read at every width, and its legend is whole."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QWidget

from tests.views.pictures import pixels
from tests.views.words_in_pictures import Page
from views.drawing.legend import Sign, fitting, legend_height, paint_signs
from views.drawing.picture import Caption, body_size, paint_title, pixels_of, title_height, with_title
from views.loop.state import Theme
from views.words.figures import clock_text

TIME_NS = 3_600_000_000_000 + 2_345_678_901
SIGNS = (
    Sign("call, in its function's colour", "block", "#5f8fc9"),
    Sign("left by an exception", "edge", "#f2665c"),
    Sign("events lost", "hatch", "#f0a648"),
    Sign("bookmark", "flag", "#ffd166"),
    Sign("marked moment", "dashes", "#c69bff"),
    Sign("before the last change", "struck", "#f2665c"),
    Sign("■ ended"),
)


def title(name: str, width: int, theme: Theme = "dark", *, live: bool = False) -> QImage:
    image = QImage(width, title_height(width), QImage.Format.Format_RGB32)
    painter = QPainter(image)
    caption = Caption(session=name, view="Supervision", time_ns=TIME_NS, live=live)
    paint_title(painter, caption, QRectF(image.rect()), theme)
    painter.end()
    return image


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("width", [320, 519, 520, 1600])
def test_the_title_can_be_read_at_every_width(qapp: object, width: int, theme: Theme) -> None:
    words = ("orders.scope", "·  Supervision", clock_text(TIME_NS), "recorded")
    assert Page(title("orders.scope", width, theme), theme).missing(*words) == []


def test_a_live_session_says_so(qapp: object) -> None:
    assert Page(title("orders.scope", 800, live=True)).missing("● live") == []


def test_what_is_cut_off_or_covered_is_not_read(qapp: object) -> None:
    whole = title("orders.scope", 800)
    assert Page(whole.copy(0, 0, 780, 28)).missing("orders.scope", "recorded") == ["recorded"]
    assert Page(whole.copy(0, 9, 800, 19)).missing("orders.scope") == ["orders.scope"]
    painter = QPainter(whole)
    painter.fillRect(60, 0, 1, 28, Qt.GlobalColor.black)
    painter.end()
    assert Page(whole).missing("orders.scope", "recorded") == ["orders.scope"]


@pytest.mark.parametrize("width", [320, 520])
def test_a_long_name_gives_way_to_view_time_and_status(qapp: object, width: int) -> None:
    page = Page(title("a" * 200, width))
    assert page.missing("·  Supervision", clock_text(TIME_NS), "recorded") == []
    assert page.missing("a" * 200) == ["a" * 200]


def test_a_name_cannot_forge_another_one(qapp: object) -> None:
    assert Page(title("a\u202eb", 800)).missing("a\N{REPLACEMENT CHARACTER}b") == []


@pytest.mark.parametrize("width", [320, 640, 1600])
def test_every_word_of_a_legend_is_whole(qapp: object, width: int) -> None:
    image = QImage(width, legend_height(SIGNS, width), QImage.Format.Format_RGB32)
    painter = QPainter(image)
    paint_signs(painter, SIGNS, QRectF(image.rect()), "dark")
    painter.end()
    assert Page(image).missing(*[sign.words for sign in SIGNS]) == []


def test_a_small_picture_keeps_the_first_signs_and_three_quarters_of_its_height(qapp: object) -> None:
    assert fitting(SIGNS, 1600, 900) == SIGNS
    some = fitting(SIGNS, 320, 200)
    assert some == SIGNS[: len(some)]
    assert 0 < len(some) < len(SIGNS)
    assert legend_height(some, 320) <= 50


def test_a_view_keeps_its_own_pixels_between_title_and_legend(qapp: object) -> None:
    widget = QWidget()
    widget.setStyleSheet("background: #123456")
    size = QSize(640, 480)
    widget.resize(body_size(size, SIGNS))
    body = pixels_of(widget)
    whole = with_title(body, Caption(session="a", view="Timeline", time_ns=0), SIGNS, "dark")
    assert whole.size() == size
    top = title_height(640)
    assert (pixels(whole)[top : top + body.height()] == pixels(body)).all()
    assert legend_height((), 640) == 0


def test_dense_screens_give_dense_pictures(qapp: object) -> None:
    widget = QWidget()
    widget.resize(600, 300)
    whole = with_title(pixels_of(widget, 2.0), Caption(session="a", view="Timeline", time_ns=0), SIGNS, "dark")
    assert (whole.width(), whole.devicePixelRatio()) == (1200, 2.0)
    assert whole.height() == 2 * (300 + title_height(600) + legend_height(SIGNS, 600))
