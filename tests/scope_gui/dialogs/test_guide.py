"""The guide's window: it holds up nothing, is led by keys alone, and a click on a key does what the key does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from scope_gui.commands import COMMANDS, all_commands
from scope_gui.dialogs.guide import GuideWindow
from scope_gui.dialogs.guide_page import Ink, as_html, guide_link
from scope_gui.guide import PAGES, Guide, GuidePiece

# What the display of these tests cannot do.
pytestmark = pytest.mark.qt_log_ignore("requestActivate")


@pytest.fixture
def done() -> list[str]:
    return []


@pytest.fixture
def window(owner: QWidget, done: list[str]) -> Iterator[GuideWindow]:
    owner.resize(1280, 800)
    owner.show()
    made = GuideWindow(owner, done.append, all_commands())
    made.show_page("building")
    yield made
    made.close()
    made.deleteLater()


def rows(window: GuideWindow) -> list[str]:
    return [window.list.item(row).text() for row in range(window.list.count())]


def test_it_shows_the_page_that_was_asked_for_beside_the_others(window: GuideWindow) -> None:
    assert not window.isModal()
    assert window.page == "building"
    assert rows(window) == list(Guide().titles.values())
    assert window.text.toPlainText().startswith("The building")
    window.show_page("start")
    assert window.page == "start"


def test_keys_alone_choose_a_page_search_and_close(window: GuideWindow) -> None:
    QTest.keyClick(window.line, Qt.Key.Key_Down)
    assert window.page == PAGES[[row.name for row in PAGES].index("building") + 1].name
    QTest.keyClicks(window.line, "bookmark ruler")
    assert window.page == "finding"
    assert rows(window) == [f"Remember a moment  ·  {Guide().titles['finding']}"]
    assert {mark.cursor.selectedText().casefold() for mark in window.text.extraSelections()} == {"bookmark", "ruler"}
    QTest.keyClick(window.line, Qt.Key.Key_Return)
    assert window.focusWidget() is window.text
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not window.isVisible()


def test_what_no_page_has_is_said(window: GuideWindow) -> None:
    QTest.keyClicks(window.line, "zeppelin")
    assert rows(window) == ["No page has these words."]
    assert not window.list.isEnabled()
    window.line.clear()
    assert rows(window) == list(Guide().titles.values())


def test_a_click_on_a_key_does_it_and_a_page_leads_to_the_page(window: GuideWindow, done: list[str]) -> None:
    window.text.anchorClicked.emit(QUrl(guide_link(GuidePiece("command", "X", "Next exception"))))
    window.text.anchorClicked.emit(QUrl(guide_link(GuidePiece("page", "", "finding"))))
    assert done == ["Next exception"]
    assert window.page == "finding"


@pytest.mark.parametrize("page", [row.name for row in PAGES])
def test_each_link_of_a_page_names_a_command_or_a_page(window: GuideWindow, done: list[str], page: str) -> None:
    window.show_page(page)
    links = set()
    block = window.text.document().begin()
    while block.isValid():
        links |= {one.format.anchorHref() for one in block.textFormats() if one.format.anchorHref()}
        block = block.next()
    assert links
    for link in links:
        window.text.anchorClicked.emit(QUrl(link))
    titles = {command.title for command in COMMANDS}
    assert done
    assert set(done) <= titles


def test_what_a_page_says_is_shown_as_it_stands() -> None:
    sections = Guide().sections("start")
    assert "<script" not in as_html(sections, Ink("#000000", "#000000", "#000000", "#ffffff"))
