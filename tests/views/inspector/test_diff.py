"""What changed between two values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from views.inspector.diff import Piece, value_diff


def parts(old: str, new: str) -> list[tuple[str, str]]:
    return [(piece.only_in, piece.text) for piece in value_diff(old, new)]


def test_whole_words_change_not_their_digits() -> None:
    assert parts("22", "23") == [("old", "22"), ("new", "23")]
    assert parts("[1, 22]", "[1, 23]") == [("both", "[1, "), ("old", "22"), ("new", "23"), ("both", "]")]


def test_equal_values_are_one_piece_and_empty_ones_none() -> None:
    assert value_diff("a", "a") == (Piece("a"),)
    assert value_diff("", "") == ()


def test_what_is_far_from_the_change_is_cut() -> None:
    shown = "".join(text for _, text in parts("x" * 500 + " 1", "x" * 500 + " 2"))
    assert shown == "\N{HORIZONTAL ELLIPSIS}" + "x" * 39 + " 12"


@given(st.text("ab1 ,", max_size=30), st.text("ab1 ,", max_size=30))
def test_the_pieces_give_both_values_back(old: str, new: str) -> None:
    pieces = value_diff(old, new, context=100)
    assert "".join(piece.text for piece in pieces if piece.only_in != "old") == new
    assert "".join(piece.text for piece in pieces if piece.only_in != "new") == old
