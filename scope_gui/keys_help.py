"""All keys on one page, made from the table of commands."""

from __future__ import annotations

from html import escape

from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QWidget

from scope_gui.commands import COMMANDS, MENUS, shown_key
from views.state import Theme
from views.theme import colours, text_font


def keys_page(theme: Theme) -> tuple[str, str]:
    """Two columns of the page, as rich text."""
    c = colours(theme)
    key_cell = f'<tr><td style="color:{c.accent}; padding-right:14px">'
    blocks = []
    for menu in MENUS:
        rows = [
            f"{key_cell}{escape(shown_key(command))}</td><td>{escape(command.title)}</td></tr>"
            for command in COMMANDS
            if command.menu == menu and command.keys
        ]
        if menu == "Play":
            rows.append(
                f'<tr><td style="color:{c.accent}; padding-right:14px">1 … 9</td><td>Speed; type more</td></tr>'
            )
        if rows:
            blocks.append(f'<p style="color:{c.muted}"><b>{menu}</b></p><table cellspacing="3">{"".join(rows)}</table>')
    return "".join(blocks[:2]), "".join(blocks[2:])


def show_keys(parent: QWidget, theme: Theme) -> QDialog:
    """Opens the page; Escape closes it."""
    dialog = QDialog(parent)
    dialog.setWindowTitle("Keys")
    row = QHBoxLayout(dialog)
    row.setContentsMargins(24, 16, 24, 20)
    row.setSpacing(40)
    for column in keys_page(theme):
        label = QLabel(column, dialog)
        label.setFont(text_font(10))
        label.setAlignment(label.alignment().AlignTop)
        row.addWidget(label)
    dialog.open()
    return dialog
