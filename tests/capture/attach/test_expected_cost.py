"""What doctor says that recording will cost: a figure for each version that Scope records."""

from capture.attach import expected_cost
from capture.target.pythons import TARGETS


def test_there_is_a_sentence_for_each_version_that_is_recorded() -> None:
    assert set(expected_cost.BY_MINOR) == set(TARGETS)
    assert all(expected_cost.told_for(minor) for minor in TARGETS)
    assert expected_cost.told_for((3, 9)) == ""
