"""All keys on one page: every command that has one is on it, and the page is no larger than the window."""

from __future__ import annotations

from html import escape

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from scope_gui.commands import MENUS, NO_SETTINGS, shown_key, with_keys
from scope_gui.dialogs.keys_help import FOUR, THREE, Columns, keys_dialog, keys_page


@pytest.mark.parametrize("columns", [FOUR, THREE])
def test_every_menu_is_in_one_column_and_every_key_on_the_page(columns: Columns) -> None:
    assert sorted(menu for column in columns for menu in column) == sorted(MENUS)
    page = "".join(keys_page("dark", columns))
    for command in with_keys(NO_SETTINGS):
        if command.keys:
            assert f"{escape(shown_key(command))}</td><td>{escape(command.title)}</td>" in page


@pytest.mark.parametrize(("width", "height"), [(1600, 900), (1280, 800), (1280, 720), (900, 600)])
def test_the_page_stays_within_the_window_and_the_rest_is_a_scroll_away(qtbot: QtBot, width: int, height: int) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(width, height)
    dialog = keys_dialog(window, "light", NO_SETTINGS)
    dialog.grab()  # has it laid out
    assert dialog.width() < width
    assert dialog.height() < height
    area = dialog.findChild(QScrollArea)
    assert isinstance(area, QScrollArea)
    assert area.focusPolicy() & Qt.FocusPolicy.TabFocus  # arrows scroll it
    page = area.widget()
    assert page is not None
    bar = area.verticalScrollBar()
    assert bar.maximum() == max(page.height() - area.viewport().height(), 0)
    if width >= 1280:
        assert page.width() <= area.viewport().width()
