"""`capture.events.text_column`: many texts in one buffer, and any part of them as bytes and back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
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


@pytest.mark.parametrize("is_folded", [False, True])
@given(st.lists(st.none() | st.text(max_size=5)), st.data())
def test_texts_held_between_rows_without_one_are_as_those_of_a_column_of_their_own(
    is_folded: bool, texts: list[str | None], data: st.DataObject
) -> None:
    held = pa.array(texts, pa.string())
    places = np.flatnonzero(held.is_valid().to_numpy(zero_copy_only=False))
    column = TextColumn.held_in(held.dictionary_encode() if is_folded else held, places)
    own = [text for text in texts if text is not None]
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(own))] * 2)))
    part = column[first:last]
    assert len(part) == last - first
    assert [part[at] for at in range(len(part))] == own[first:last]
    assert part.taken(np.arange(len(part))[::-1]) == own[first:last][::-1]
    assert part == TextColumn.of(own[first:last])
    assert part.to_bytes()[1] == "".join(own[first:last]).encode()
    assert part[:] == part == own[first:last]
