"""All keys on one page, made from the table of commands."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QLabel, QScrollArea, QWidget

from scope_gui.commands import MENUS, NO_SETTINGS, Menu, shown_key, with_keys
from views.drawing.theme import colours, give_font, text_font
from views.loop.state import Theme

Columns = tuple[tuple[Menu, ...], ...]
FOUR: Columns = (("Move",), ("Show", "Play"), ("Session", "Building", "Mark"), ("Window", "Help"))
THREE: Columns = (("Move", "Help"), ("Show", "Play", "Window"), ("Session", "Building", "Mark"))
FOUR_FROM_PX, AROUND_PX = 1400, 60
"""The window that four columns need; what of it the page leaves free, in height and in width."""
_BESIDE: dict[Menu, tuple[tuple[str, str], ...]] = {
    "Play": (("1 … 9", "Speed; type more"),),
    "Building": (
        ("← → ↑ ↓", "After P: room beside, above, below"),
        ("Esc", "After P: back to the lanes"),
    ),
}


def keys_page(theme: Theme, columns: Columns, settings: Mapping[str, Any] = NO_SETTINGS) -> tuple[str, ...]:
    """The columns of the page, as rich text."""
    c = colours(theme)
    key_cell = f'<tr><td width="108" style="color:{c.accent}">'
    blocks = {}
    for menu in MENUS:
        rows = [
            f"{key_cell}{escape(shown_key(command))}</td><td>{escape(command.title)}</td></tr>"
            for command in with_keys(settings)
            if command.menu == menu and command.keys
        ]
        rows += [f"{key_cell}{key}</td><td>{what}</td></tr>" for key, what in _BESIDE.get(menu, ())]
        table = f'<table cellspacing="3">{"".join(rows)}</table>'
        blocks[menu] = f'<p style="color:{c.muted}"><b>{menu}</b></p>{table}' if rows else ""
    return tuple("".join(blocks[menu] for menu in column) for column in columns)


def show_keys(parent: QWidget, theme: Theme, settings: Mapping[str, Any]) -> QDialog:
    """Opens the page; Escape closes it."""
    dialog = keys_dialog(parent, theme, settings)
    dialog.open()
    return dialog


def keys_dialog(parent: QWidget, theme: Theme, settings: Mapping[str, Any]) -> QDialog:
    """The page, no larger than the window that it will be over: the rest of it is a scroll away."""
    dialog = QDialog(parent)
    dialog.setWindowTitle("Keys")
    page = QWidget(dialog)
    row = QHBoxLayout(page)
    row.setContentsMargins(20, 14, 20, 16)
    row.setSpacing(16)
    for column in keys_page(theme, FOUR if parent.width() >= FOUR_FROM_PX else THREE, settings):
        label = QLabel(column, page)
        give_font(label, text_font(9.0))
        label.setAlignment(label.alignment().AlignTop)
        row.addWidget(label)
    area = QScrollArea(dialog)
    area.setAccessibleName("Keys")
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setWidget(page)
    rows = QHBoxLayout(dialog)
    rows.setContentsMargins(0, 0, 0, 0)
    rows.addWidget(area)
    bar = area.verticalScrollBar().sizeHint().width()
    wanted = page.sizeHint() + QSize(bar + 2, 2)
    dialog.resize(wanted.boundedTo(parent.size() - QSize(AROUND_PX, AROUND_PX)))
    area.setFocus()
    return dialog
