"""`capture.events.batch`: what a mask of kinds says of a column, however long it is and however many kinds it has."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from capture.events.batch import LONG_COLUMN, mask_of, of_kinds

CODES = st.integers(0, 255)


@given(st.lists(CODES, min_size=1, max_size=20), st.sets(CODES, max_size=40))
def test_a_long_column_is_told_as_each_of_its_events(kinds: list[int], wanted: set[int]) -> None:
    few = np.array(kinds, np.uint8)
    told = of_kinds(few, mask_of(wanted))
    assert told.tolist() == [kind in wanted for kind in kinds]
    assert (of_kinds(np.tile(few, LONG_COLUMN), mask_of(wanted)) == np.tile(told, LONG_COLUMN)).all()
