"""All keys on one page, made from the table of commands."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QWidget

from scope_gui.commands import MENUS, NO_SETTINGS, Menu, shown_key, with_keys
from views.drawing.theme import colours, give_font, text_font
from views.loop.state import Theme

COLUMNS: tuple[tuple[Menu, ...], ...] = (("Session", "Move"), ("Play", "Show", "Building"), ("Mark", "Window", "Help"))
_BESIDE: dict[Menu, tuple[tuple[str, str], ...]] = {
    "Play": (("1 … 9", "Speed; type more"),),
    "Building": (
        ("← → ↑ ↓", "After P: room beside, above, below"),
        ("Esc", "After P: back to the lanes"),
    ),
}


def keys_page(theme: Theme, settings: Mapping[str, Any] = NO_SETTINGS) -> tuple[str, ...]:
    """Three columns of the page, as rich text."""
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
    return tuple("".join(blocks[menu] for menu in column) for column in COLUMNS)


def show_keys(parent: QWidget, theme: Theme, settings: Mapping[str, Any]) -> QDialog:
    """Opens the page; Escape closes it."""
    dialog = QDialog(parent)
    dialog.setWindowTitle("Keys")
    row = QHBoxLayout(dialog)
    row.setContentsMargins(24, 16, 24, 20)
    row.setSpacing(28)
    for column in keys_page(theme, settings):
        label = QLabel(column, dialog)
        give_font(label, text_font(9.5))
        label.setAlignment(label.alignment().AlignTop)
        row.addWidget(label)
    dialog.open()
    return dialog
