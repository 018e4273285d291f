"""Coloured text in lines of a fixed number of characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from views.inspector.diff import Piece
from views.inspector.wrapping import wrapped


def test_what_needs_too_many_lines_ends_in_an_ellipsis() -> None:
    lines = wrapped((Piece("abcdefgh"), Piece("ij", "new")), 3, 2)
    assert ["".join(piece.text for piece in line) for line in lines] == ["abc", "de\N{HORIZONTAL ELLIPSIS}"]


@given(st.lists(st.text("ab ._1", max_size=9), max_size=5), st.integers(1, 7))
def test_nothing_is_lost_and_no_line_is_longer(texts: list[str], columns: int) -> None:
    lines = wrapped(tuple(Piece(text) for text in texts), columns, 1_000)
    assert "".join(piece.text for line in lines for piece in line) == "".join(texts)
    assert all(sum(len(piece.text) for piece in line) <= columns for line in lines)


def test_a_line_breaks_between_words_where_it_can() -> None:
    lines = wrapped((Piece("was open when the recording ended"),), 20, 9)
    assert [piece.text for line in lines for piece in line] == ["was open when the ", "recording ended"]
    lines = wrapped((Piece("one "), Piece("changed", "new"), Piece(" word")), 8, 9)
    assert [[piece.text for piece in line] for line in lines] == [["one ", "chan"], ["ged", " word"]]


def test_a_name_breaks_behind_what_parts_it_and_a_number_nowhere_else() -> None:
    lines = wrapped((Piece("orders.inventory.Stock.set_units"),), 20, 9)
    assert [piece.text for line in lines for piece in line] == ["orders.inventory.", "Stock.set_units"]
    lines = wrapped((Piece("1303.509358099"),), 8, 9)
    assert [piece.text for line in lines for piece in line] == ["1303.509", "358099"]
