"""The headings of what is logged and warned of are taken off the texts, and nothing else is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from capture.decode.headings import joined_by_row, split_headings
from capture.decode.records import Payloads
from capture.events.text_column import TextColumn
from capture.events.written import written_bytes

_SAID = st.lists(st.tuples(st.booleans(), st.text("ab\0é", max_size=5), st.text("xy\0ß", max_size=5)), max_size=8)


def payloads(texts: list[str], rows: list[int]) -> Payloads:
    numbers = np.arange(len(texts), dtype=np.int64)
    return Payloads(np.array(rows, np.int64), numbers.astype(np.uint64), numbers, TextColumn.of(texts))


@given(_SAID, st.integers(0, 3))
def test_texts_come_apart_at_the_first_end_of_a_heading(said: list[tuple[bool, str, str]], skipped: int) -> None:
    texts = [f"{head}\0{text}" for _, head, text in said]
    whole = payloads(["before", *texts], list(range(len(texts) + 1)))
    part = whole.between(min(skipped, len(texts)), len(texts) + 1)
    headed = np.array([False, *(has for has, _, _ in said)])[min(skipped, len(texts)) :]
    kept, headings = split_headings(part, headed)
    expected = [text.partition("\0")[::2] for text in part.texts]
    assert list(headings.texts) == [pair[0] for pair, has in zip(expected, headed, strict=True) if has]
    assert list(kept.texts) == [
        pair[1] if has else text for pair, has, text in zip(expected, headed, part.texts, strict=True)
    ]
    assert headings.rows.tolist() == part.rows[headed].tolist()


def test_a_text_without_an_end_is_all_heading() -> None:
    kept, headings = split_headings(payloads(["torn", ""], [0, 1]), np.array([True, True]))
    assert (list(kept.texts), list(headings.texts)) == (["", ""], ["torn", ""])


def test_messages_of_both_sorts_are_in_the_order_of_their_rows() -> None:
    both = joined_by_row(payloads(["b", "d"], [2, 9]), payloads(["a", "c"], [1, 4]))
    assert both.rows.tolist() == [1, 2, 4, 9]
    assert list(both.texts) == ["a", "b", "c", "d"]


@given(st.binary(max_size=40))
def test_what_is_escaped_can_be_had_back(raw: bytes) -> None:
    text = raw.decode("utf-8", "surrogateescape").replace("\\", "\\\\").encode("utf-8", "backslashreplace").decode()
    assert written_bytes(text, is_escaped=True) == raw
