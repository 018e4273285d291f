"""What the box offers, and in which order."""

from __future__ import annotations

from msgspec.structs import replace

from scope_gui.commands import LISTS, all_commands
from scope_gui.dialogs.find_lines import is_waiting, lines_of
from tests.views.windows import opened
from views.loop.state import Assigns, Box, BoxRow

PUT = BoxRow(kind="function", title="Store.put", detail="12 calls", id=4, marks=((6, 9),))
ZOO = BoxRow(kind="function", title="open_zoo", detail="", id=5)


def test_without_a_session_only_what_can_be_done_is_offered_and_nothing_is_waited_for() -> None:
    lines = lines_of(Assigns(), "open", "")
    assert [line.title for line in lines] == ["Open a session"]
    assert not is_waiting(Assigns(), "open", "")
    assert [line.title for line in lines_of(Assigns(), "nothing at all", "")] == ["Nothing is called that."]


def test_nothing_typed_offers_lists_then_what_was_gone_to_then_all_commands() -> None:
    shown = replace(opened(), box=Box(recent=(PUT,)))
    lines = lines_of(shown, "", "")
    assert [line.kind for line in lines[: len(LISTS) + 1]] == ["list"] * len(LISTS) + ["function"]
    assert lines[0].title == "Slowest calls"
    assert {line.title for line in lines[len(LISTS) + 1 :]} == {
        command.title for command in all_commands() if command.ask not in LISTS
    }
    assert next(line.key for line in lines if line.title == "Export what is seen") == "Ctrl + E"


def test_commands_that_begin_so_come_before_names_and_those_that_hold_the_words_after_them() -> None:
    shown = replace(opened(), box=Box(is_open=True, text="open", rows=(ZOO,), answers=("open", "")))
    titles = [line.title for line in lines_of(shown, "open", "")]
    assert titles[:2] == ["Open a session", "open_zoo"]
    assert "Keep the lane open, or no more" in titles[2:]


def test_what_was_found_stays_while_its_name_still_fits_until_the_answer_is_there() -> None:
    shown = replace(opened(), box=Box(is_open=True, text="pu", rows=(PUT, ZOO), answers=("pu", "")))
    assert is_waiting(shown, "put", "")
    assert [line.title for line in lines_of(shown, "put", "") if line.kind == "function"] == ["Store.put"]
    assert [line.title for line in lines_of(shown, "putx", "")] == ["Looking …"]


def test_a_list_says_that_it_is_being_counted_and_that_it_is_empty() -> None:
    assert [line.title for line in lines_of(opened(), "", "errors")] == ["Counting …"]
    counted = replace(opened(), box=Box(is_open=True, shows="errors", answers=("", "errors")))
    assert [line.title for line in lines_of(counted, "", "errors")] == ["No exception is recorded."]
    assert lines_of(counted, "", "errors")[0].does is None
