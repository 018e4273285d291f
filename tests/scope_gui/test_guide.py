"""The guide says only what is so: the keys in it are those of the commands, and every page can be found and read."""

from __future__ import annotations

import re

import msgspec
import pytest

from capture.errors import ScopeBug, WrongUsage
from scope_gui.commands import COMMANDS, all_commands, way_to
from scope_gui.guide import FOLDER, PAGES, Guide, blocks, page_of_dialog, page_of_view
from scope_gui.places import resource_path
from tests.scope_command import scope_here
from views import registry

KEYS = re.compile(r"\b(Ctrl|Alt|Shift)\s?\+|\bF\d{1,2}\b|[←→↑↓]|\bEsc(ape)?\b|\bEnter\b")
NO_KEY = ("Enter", "Esc", "↑", "↓", "←", "→")


@pytest.fixture(scope="module")
def guide() -> Guide:
    return Guide()


def source(page: str) -> str:
    return resource_path(f"{FOLDER}/{page}.md").read_text(encoding="utf-8")


def test_every_file_is_a_page_and_every_page_a_file() -> None:
    assert {path.stem for path in resource_path(FOLDER).glob("*.md")} == {row.name for row in PAGES}
    assert len(PAGES) == 6


@pytest.mark.parametrize("page", [row.name for row in PAGES])
def test_no_page_writes_a_key_by_itself(page: str) -> None:
    """A key that is typed into the text stays when the command gets another."""
    written = re.sub(r"\{[^}]+\}|`[^`]+`", "", source(page))
    assert KEYS.findall(written) == []
    assert set(re.findall(r"\{key:([^}]+)\}", source(page))) <= set(NO_KEY)


def test_a_command_that_gets_another_key_has_it_on_the_pages() -> None:
    moved = [
        msgspec.structs.replace(command, keys=("Ctrl+F12",)) if command.title == "Next exception" else command
        for command in all_commands()
    ]
    pieces = [
        piece
        for section in Guide(moved).sections("finding")
        for block in section.blocks
        for piece in block.pieces
        if piece.names == "Next exception"
    ]
    assert {piece.text for piece in pieces} == {"Ctrl + F12"}


def test_a_page_that_names_what_there_is_not_is_a_bug_of_ours() -> None:
    for text in ("Press {Fly away}.", "See {page:nowhere}."):
        with pytest.raises(ScopeBug, match="names"):
            list(blocks(text, {"Next": "X"}, {"start": "Begin"}))


def test_a_command_without_a_key_is_told_by_its_menu() -> None:
    slowest = next(command for command in COMMANDS if command.title == "Slowest calls")
    assert way_to(slowest) == "Move ▸ Slowest calls"


def test_every_view_has_a_page_of_its_own(guide: Guide) -> None:
    pages = {row.name: page_of_view(row.name) for row in registry.VIEWS}
    assert PAGES[0].name not in pages.values()
    assert page_of_view("") == page_of_view("a view of tomorrow") == PAGES[0].name
    assert (page_of_dialog("attach"), page_of_dialog("find"), page_of_dialog(None)) == ("recording", "finding", "start")
    for view, page in pages.items():
        assert registry.view_named(view).title.casefold() in str(guide.sections(page)).casefold()


def test_what_is_looked_for_is_found_in_any_order_headings_first(guide: Guide) -> None:
    hits = guide.found("exceptions demo")
    assert hits
    assert all({"exception", "demo"} <= {word for word in ("exception", "demo") if word in _said(hit)} for hit in hits)
    assert guide.found("bookmark")[0].section.page == "finding"
    assert guide.found("two moments")[0].section.heading == "Two moments"
    assert guide.found("") == guide.found("  ") == guide.found("nowhere-in-it") == []


def _said(hit: object) -> str:
    return str(hit).casefold()


def test_a_page_in_a_terminal_keeps_to_its_width_and_says_the_keys(guide: Guide) -> None:
    for row in PAGES:
        lines = guide.as_text(row.name, 60).splitlines()
        assert max(map(len, lines)) <= 60
        assert lines[0] == guide.titles[row.name]
    assert "[X] and [Shift + X] go through all exceptions" in " ".join(guide.as_text("finding", 80).split())


def test_the_verb_prints_a_page_and_names_the_others() -> None:
    first = scope_here(["guide"])
    assert first.returncode == 0
    assert first.stdout.startswith(Guide().titles["start"])
    assert "scope-gui guide timeline" in first.stdout
    assert scope_here(["guide", "building"]).stdout.startswith("The building\n")
    unknown = scope_here(["guide", "nowhere"])
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "Its pages are start, timeline" in unknown.stderr


def test_a_page_that_there_is_not_is_wrong_usage(guide: Guide) -> None:
    with pytest.raises(WrongUsage, match="no page 'x'"):
        guide.sections("x")
