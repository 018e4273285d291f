"""The themes: readable, and the same meaning in all of them."""

from __future__ import annotations

from typing import get_args

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QComboBox, QSpinBox
from pytestqt.qtbot import QtBot

from tests.views.pictures import contrast, near, picture
from views.drawing.span_colours import CHROMA, LIGHTNESS, module_colour, rgb_of, span_colour
from views.drawing.theme import colours, dress, hint_colour, is_dark, mixed, qcolor
from views.inspector.scene_page import CHANGE_ALPHA
from views.loop.state import Theme
from views.supervision.scene import GROUND_ALPHA, HEAT_ALPHA
from views.timeline.scene import label_colour

THEMES: tuple[Theme, ...] = get_args(Theme)
LEAST: dict[Theme, float] = {"dark": 4.5, "light": 4.5, "contrast": 7.0}
"""How well what is written can be told from its ground. Source: WCAG 2.2, 1.4.3 and, for high contrast, 1.4.6."""


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", ["text", "muted", "accent", "hot", "warning", "healthy", "cold"])
def test_what_is_written_can_be_read_on_every_ground(theme: Theme, name: str) -> None:
    shown = colours(theme)
    assert contrast(hint_colour(theme), shown.panel) >= LEAST[theme]
    for ground in (shown.window, shown.panel, shown.raised):
        assert contrast(getattr(shown, name), ground) >= LEAST[theme], (name, ground)


@pytest.mark.parametrize("theme", THEMES)
def test_labels_can_be_read_on_spans_and_the_thinnest_span_be_seen_on_its_ground(theme: Theme) -> None:
    shown = colours(theme)
    ink = label_colour(theme, shown)
    spans = [rgb_of(lightness, CHROMA, hue) for lightness in LIGHTNESS[theme] for hue in range(0, 360, 5)]
    assert min(contrast(span, ink) for span in spans) >= max(LEAST[theme], 4.7)
    assert min(contrast(span, shown.panel) for span in spans) >= (3 if is_dark(theme) else 1.5)


@pytest.mark.parametrize("theme", THEMES)
def test_signs_and_rooms_can_be_seen_on_every_ground(theme: Theme) -> None:
    """WCAG 2.2, 1.4.11: three to one for what is no text."""
    shown = colours(theme)
    signs = (*shown.heat, shown.accent, shown.cursor, shown.mark, shown.bookmark, shown.gap)
    for ground in (shown.window, shown.panel):
        assert all(contrast(sign, ground) >= 2.8 for sign in signs), (theme, ground)


@pytest.mark.parametrize("theme", THEMES)
def test_what_is_written_on_what_is_picked_can_be_read(theme: Theme) -> None:
    shown = colours(theme)
    for name in ("text", "muted", "accent"):
        assert contrast(getattr(shown, name), shown.selected) >= LEAST[theme], name


@pytest.mark.parametrize("theme", THEMES)
def test_figures_on_heat_and_changed_values_can_be_read(theme: Theme) -> None:
    shown = colours(theme)
    for level in ("hot", "warning", "healthy", "cold"):
        colour = getattr(shown, level)
        ground = mixed(mixed(shown.panel, colour, GROUND_ALPHA), colour, HEAT_ALPHA)
        assert contrast(shown.text, ground) >= LEAST[theme], level
    for change in (shown.hot, shown.healthy):
        assert contrast(change, mixed(shown.panel, change, CHANGE_ALPHA)) >= LEAST[theme]


def test_a_file_has_a_hue_and_its_functions_differ_in_lightness() -> None:
    def hue(colour: str) -> float:
        return QColor(colour).hueF() * 360

    of_one = [span_colour("dark", "shop/store.py", line, f"f{line}") for line in (1, 9, 14, 30, 31, 77, 210)]
    assert len(set(of_one)) == len(of_one)
    assert max(map(hue, of_one)) - min(map(hue, of_one)) < 15
    files = {span_colour("dark", f"shop/module_{number}.py", 1, "f") for number in range(12)}
    assert len(files) >= 10
    assert span_colour("dark", "a.py", 0, "f") != span_colour("dark", "a.py", 0, "g")


def test_a_colour_between_two_is_between_them() -> None:
    assert mixed("#102030", "#304050", 0.5) == "#203040"
    assert qcolor("#102030", 128).alpha() == 128


@pytest.mark.parametrize("theme", THEMES)
def test_no_file_has_the_hue_of_what_is_hot_or_failed(theme: Theme) -> None:
    red = QColor(colours(theme).hot).hslHue()
    hues = {QColor(module_colour(theme, f"/srv/shop/module_{n}.py")).hslHue() for n in range(600)}
    assert len(hues) > 30
    assert min(min(abs(hue - red), 360 - abs(hue - red)) for hue in hues) >= 15


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("kind", [QComboBox, QSpinBox])
def test_fields_that_open_or_count_show_what_is_pressed_and_have_a_whole_frame(
    qtbot: QtBot, theme: Theme, kind: type[QComboBox] | type[QSpinBox]
) -> None:
    shown = colours(theme)
    dress(theme, 100)
    field = kind()
    qtbot.addWidget(field)
    image = picture(field, 200, field.sizeHint().height())
    signs = image.copy(image.width() - 24, 2, 20, image.height() - 4)
    assert near(signs, shown.muted, 24) >= 12
    for edge in ((0, 6, 1, 8), (199, 6, 1, 8), (20, 0, 160, 1), (20, image.height() - 1, 160, 1)):
        side = image.copy(*edge)
        assert near(side, shown.line, 8) + near(side, shown.accent, 8) >= side.width() * side.height() * 0.8, edge
    dress("dark", 100)
