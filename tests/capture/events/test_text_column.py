"""`capture.events.text_column`: many texts in one buffer, and any part of them as bytes and back."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from capture.events.text_column import NO_TEXTS, TextColumn


@given(st.lists(st.text(max_size=5)), st.data())
def test_a_part_of_a_column_comes_back_from_its_bytes(texts: list[str], data: st.DataObject) -> None:
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(texts))] * 2)))
    part = TextColumn.of(texts)[first:last]
    ends, whole = part.to_bytes()
    assert whole == "".join(texts[first:last]).encode()
    assert part.text_bytes == len(whole)
    assert TextColumn.from_bytes(whole, np.concatenate([[0], ends])) == texts[first:last]


def test_no_texts_take_nothing() -> None:
    assert NO_TEXTS.text_bytes == 0
    assert NO_TEXTS.to_bytes()[1] == b""
