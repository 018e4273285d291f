"""Colours with one meaning everywhere, and the fonts; the same names in every theme.

Red is hot or critical, orange a warning, green healthy, blue cold. None of them is ever the only sign: a shape, a
hatch or a word says the same. In the high contrast theme what is written is told from its ground at
seven to one at least (WCAG 2.2, 1.4.6).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

import msgspec
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette, QStyleHints
from PySide6.QtWidgets import QApplication, QWidget

from views.loop.state import Theme

NUMBER_MARGINS = (6, 0, 0, 0)
"""Of the text in a field for numbers: a style sheet has no say there. Units: px, from the left clockwise."""
_SCALE, _POINTS = "scope.scale", "scope.points"
_LENGTH = re.compile(r"\b([0-9]+)px")


class Colours(msgspec.Struct, frozen=True, kw_only=True):
    """One theme, as #rrggbb."""

    window: str
    panel: str
    raised: str
    line: str
    text: str
    muted: str
    accent: str
    selected: str
    hot: str
    warning: str
    healthy: str
    cold: str
    cursor: str
    mark: str
    bookmark: str
    gap: str
    heat: tuple[str, str, str, str]
    """Cold, healthy, warning and hot as grounds and walls: nothing is written in these."""


DARK = Colours(
    window="#14171c",
    panel="#1a1e25",
    raised="#252b35",
    line="#333b48",
    text="#e4e8ee",
    muted="#98a3b3",
    accent="#6ea8ff",
    selected="#22375a",
    hot="#f2665c",
    warning="#f0a648",
    healthy="#5ec28a",
    cold="#5b9bf0",
    cursor="#ffffff",
    mark="#c69bff",
    bookmark="#ffd166",
    gap="#8d6a4a",
    heat=("#5b9bf0", "#5ec28a", "#f0a648", "#f2665c"),
)
LIGHT = Colours(
    window="#eef0f3",
    panel="#ffffff",
    raised="#f4f6f9",
    line="#ccd3dc",
    text="#1b212b",
    muted="#5a6575",
    accent="#1f63c9",
    selected="#d9e8fe",
    hot="#c6322a",
    warning="#9a5700",
    healthy="#1b7444",
    cold="#2467c4",
    cursor="#10151d",
    mark="#7a3fc4",
    bookmark="#b07900",
    gap="#a5713b",
    heat=("#3f82dd", "#2f9a62", "#c97f1a", "#dc5148"),
)
CONTRAST = Colours(
    window="#000000",
    panel="#000000",
    raised="#17191d",
    line="#8b94a3",
    text="#ffffff",
    muted="#d3d9e2",
    accent="#8ecbff",
    selected="#0d3263",
    hot="#ff9b92",
    warning="#ffd257",
    healthy="#6ff2a4",
    cold="#9cc5ff",
    cursor="#ffffff",
    mark="#dcbcff",
    bookmark="#ffe14d",
    gap="#d9a272",
    heat=("#6aa8ff", "#4fdd8b", "#ffb52e", "#ff6a5e"),
)
_COLOURS: Mapping[Theme, Colours] = {"dark": DARK, "light": LIGHT, "contrast": CONTRAST}


def colours(theme: Theme) -> Colours:
    """The colours of a theme."""
    return _COLOURS[theme]


def desktop_theme(hints: QStyleHints) -> Theme:
    """The theme that the desktop asks for; dark where it asks for none."""
    if hints.accessibility().contrastPreference() == Qt.ContrastPreference.HighContrast:
        return "contrast"
    return "light" if hints.colorScheme() == Qt.ColorScheme.Light else "dark"


def is_dark(theme: Theme) -> bool:
    """Whether what is written is lighter than its ground."""
    return theme != "light"


def hint_colour(theme: Theme) -> str:
    """What stands in an empty field: told from what is typed, and readable like all else."""
    shown = colours(theme)
    return mixed(shown.muted, shown.panel, 0.25) if theme == "contrast" else shown.muted


def mixed(first: str, second: str, share: float) -> str:
    """A colour between two.

    >>> mixed("#000000", "#ffffff", 0.5)
    '#808080'
    """
    pairs = zip(bytes.fromhex(first[1:]), bytes.fromhex(second[1:]), strict=True)
    return "#" + bytes(round(a + (b - a) * share) for a, b in pairs).hex()


@functools.cache
def qcolor(colour: str, alpha: int = 255) -> QColor:
    """The colour for a painter; the same object each time, so do not change it."""
    made = QColor(colour)
    made.setAlpha(alpha)
    return made


def text_font(points: float = 9.5, *, bold: bool = False) -> QFont:
    """The font of labels; its digits are as wide as one another, so that numbers do not jump."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    font.setPointSizeF(points)
    font.setBold(bold)
    if hasattr(font, "setFeature"):
        font.setFeature(QFont.Tag("tnum"), 1)
    return font


def number_font(points: float = 9.5, *, bold: bool = False) -> QFont:
    """The font of times and counts: fixed width."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPointSizeF(points)
    font.setBold(bold)
    return font


def palette(theme: Theme) -> QPalette:
    """The palette for the whole application."""
    shown = colours(theme)
    role = QPalette.ColorRole
    made = QPalette()
    for roles, colour in (
        ((role.Window, role.Button), shown.window),
        ((role.Base, role.ToolTipBase), shown.panel),
        ((role.AlternateBase,), shown.raised),
        ((role.WindowText, role.Text, role.ButtonText, role.ToolTipText, role.BrightText), shown.text),
        ((role.PlaceholderText,), shown.muted),
        ((role.Highlight,), shown.selected),
        ((role.HighlightedText,), shown.text),
        ((role.Link, role.Accent), shown.accent),
        ((role.Mid, role.Dark, role.Midlight), shown.line),
    ):
        for one in roles:
            made.setColor(one, QColor(colour))
    for one in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, one, qcolor(mixed(shown.muted, shown.window, 0.4)))
    return made


def dress(theme: Theme, scale: int = 100) -> None:
    """Gives the application a theme's palette and style sheet, and Qt's own widgets their size; what it wears already
    would cost every widget again. Units: percent.
    """
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        return
    if scale != _scale_of(app):
        app.setProperty(_SCALE, scale)
        app.setFont(widget_font(QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)))
    sheet = _LENGTH.sub(lambda found: f"{widget_px(float(found[1]))}px", stylesheet(theme))
    if app.styleSheet() == sheet:
        return
    app.setPalette(palette(theme))
    app.setStyleSheet(sheet)
    for widget in app.allWidgets():  # a new style sheet has brought back the fonts that they were made with
        if (points := widget.property(_POINTS)) is not None:
            widget.setFont(_sized(widget.font(), points * scale / 100))


def widget_px(length: float) -> int:
    """So many pixels of a widget of Qt's at the scale that the application wears; painted views count in units
    (`views.drawing.scaled`).
    """
    app = QApplication.instance()
    return round(length * _scale_of(app) / 100) if app is not None else round(length)


def give_font(widget: QWidget, font: QFont) -> None:
    """Gives one of Qt's widgets a font that grows with the scale.

    WORKAROUND(Qt 6.11): a widget without a style sheet of its own forgets a font that it is given later as soon as it
    gets one.
    """
    if not widget.styleSheet():
        widget.setStyleSheet("* {}")
    widget.setProperty(_POINTS, font.pointSizeF())
    widget.setFont(widget_font(font))


def widget_font(font: QFont) -> QFont:
    """The font as large as it is at the scale that the application wears."""
    app = QApplication.instance()
    return _sized(font, font.pointSizeF() * (_scale_of(app) if app is not None else 100) / 100)


def _sized(font: QFont, points: float) -> QFont:
    made = QFont(font)
    made.setPointSizeF(points)
    return made


def _scale_of(app: QCoreApplication) -> int:
    return int(app.property(_SCALE) or 100)


def stylesheet(theme: Theme) -> str:
    """What a palette cannot say: thin borders, flat docks, visible focus."""
    c = colours(theme)
    return f"""
    QMainWindow, QMenuBar, QStatusBar, QToolBar {{ background: {c.window}; color: {c.text}; border: 0; }}
    QMainWindow::separator {{ background: {c.line}; width: 1px; height: 1px; }}
    QMainWindow::separator:hover {{ background: {c.accent}; }}
    QDockWidget {{ color: {c.muted}; titlebar-close-icon: none; titlebar-normal-icon: none; }}
    QDockWidget::title {{ background: {c.window}; padding: 3px 8px; border-bottom: 1px solid {c.line}; }}
    QMenuBar::item {{ padding: 3px 8px; background: transparent; }}
    QMenuBar::item:selected, QMenu::item:selected {{ background: {c.selected}; }}
    QMenu {{ background: {c.panel}; color: {c.text}; border: 1px solid {c.line}; }}
    QMenu::item {{ padding: 4px 24px 4px 16px; }}
    QMenu::item:disabled {{ color: {mixed(c.muted, c.panel, 0.4)}; }}
    QMenu::separator {{ background: {c.line}; height: 1px; margin: 4px 0; }}
    QToolButton, QPushButton {{ background: transparent; color: {c.text}; border: 1px solid transparent;
        border-radius: 4px; padding: 3px 8px; }}
    QPushButton {{ background: {c.raised}; border-color: {c.line}; }}
    QToolButton:hover, QPushButton:hover {{ background: {c.raised}; border-color: {c.line}; }}
    QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
    QToolButton:checked {{ background: {c.selected}; }}
    QToolButton:disabled {{ color: {mixed(c.muted, c.window, 0.4)}; }}
    QToolButton:focus, QPushButton:focus, QLineEdit:focus, QListWidget:focus {{ border-color: {c.accent}; }}
    QLineEdit {{ background: {c.panel}; color: {c.text}; border: 1px solid {c.line}; border-radius: 4px;
        padding: 4px 8px; selection-background-color: {c.selected}; placeholder-text-color: {hint_colour(theme)}; }}
    QComboBox {{ background: {c.panel}; color: {c.text}; border: 1px solid {c.line}; border-radius: 4px;
        padding: 3px 8px; min-height: 18px; }}
    QComboBox::drop-down {{ border: 0; width: 22px; }}
    QComboBox::down-arrow {{ image: none; width: 0; height: 0; margin-right: 6px; border-top: 5px solid {c.muted};
        border-left: 4px solid {c.panel}; border-right: 4px solid {c.panel}; }}
    QSpinBox {{ background: {c.panel}; color: {c.text}; border: 1px solid {c.line}; border-radius: 4px;
        padding: 1px; min-height: 22px; }}
    QSpinBox::up-button, QSpinBox::down-button {{ border: 0; width: 20px; subcontrol-origin: padding; }}
    QSpinBox::up-button {{ subcontrol-position: top right; }}
    QSpinBox::down-button {{ subcontrol-position: bottom right; }}
    QSpinBox::up-arrow {{ image: none; width: 0; height: 0; border-bottom: 4px solid {c.muted};
        border-left: 4px solid {c.panel}; border-right: 4px solid {c.panel}; }}
    QSpinBox::down-arrow {{ image: none; width: 0; height: 0; border-top: 4px solid {c.muted};
        border-left: 4px solid {c.panel}; border-right: 4px solid {c.panel}; }}
    QComboBox:focus, QSpinBox:focus {{ border-color: {c.accent}; }}
    QComboBox QLineEdit, QSpinBox QLineEdit {{ border: 0; padding: 0; background: transparent; }}
    QComboBox:disabled, QSpinBox:disabled, QLineEdit:disabled {{ color: {mixed(c.muted, c.panel, 0.4)}; }}
    QLabel[quiet="true"] {{ color: {c.muted}; }}
    QListWidget {{ background: {c.panel}; border: 1px solid {c.line}; border-radius: 4px; outline: 0; }}
    QListWidget::item {{ padding: 5px 8px; }}
    QListWidget::item:selected {{ background: {c.selected}; color: {c.text}; }}
    QTreeView {{ background: {c.panel}; border: 1px solid {c.line}; border-radius: 4px; outline: 0; }}
    QTreeView:focus {{ border-color: {c.accent}; }}
    QTreeView::item {{ padding: 4px 6px; border: 0; }}
    QTreeView::item:selected {{ background: {c.selected}; color: {c.text}; }}
    QHeaderView {{ background: {c.panel}; }}
    QHeaderView::section {{ background: {c.panel}; color: {c.muted}; border: 0; border-bottom: 1px solid {c.line};
        padding: 4px 6px; }}
    QPushButton:default {{ background: {c.selected}; border-color: {c.accent}; }}
    QPushButton:disabled {{ color: {mixed(c.muted, c.window, 0.4)}; background: transparent;
        border-color: {c.line}; }}
    QTabBar {{ qproperty-drawBase: 0; }}
    QTabBar::tab {{ background: {c.window}; color: {c.muted}; padding: 3px 10px; border: 0; }}
    QTabBar::tab:selected {{ color: {c.text}; border-bottom: 2px solid {c.accent}; }}
    QTabBar::tab:selected:focus {{ background: {c.selected}; }}
    QToolTip {{ background: {c.panel}; color: {c.text}; border: 1px solid {c.line}; padding: 3px; }}
    """
