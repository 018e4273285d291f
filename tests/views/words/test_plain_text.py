"""Hostile text becomes text that can be painted."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from capture.shown_text import MARK
from views.words.plain_text import plain


def test_characters_that_turn_the_reading_direction_leave_a_mark() -> None:
    assert plain("user\u202etxt.exe") == f"user{MARK}txt.exe"


def test_a_value_of_many_lines_stays_on_one() -> None:
    assert plain("a\nb\tc\r") == "a\N{RETURN SYMBOL}b c"


def test_a_long_text_is_cut_with_an_ellipsis() -> None:
    assert plain("x" * 50, 10) == "x" * 9 + "\N{HORIZONTAL ELLIPSIS}"


@given(st.text(max_size=60))
def test_nothing_unseen_is_left(text: str) -> None:
    kept = plain(text)
    assert not [one for one in kept if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert plain(kept) == kept
