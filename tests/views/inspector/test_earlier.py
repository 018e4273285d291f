"""Values that versions replaced, from the table of states."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.session.session import Session
from tests.views.frames import built_session, state
from views.inspector.earlier import MAX_SEGMENTS_AT_ONCE, EarlierValues, earlier_values


def test_the_value_before_a_version_is_found_and_none_without_a_session(tmp_path: Path) -> None:
    session, _ = built_session(tmp_path)
    with session:
        ends = [segment.end_ns for segment in session.segments]
        states = [state(at, "stock", str(at), time_ns) for at, time_ns in enumerate(ends, 1)]
        assert len(states) == MAX_SEGMENTS_AT_ONCE
        earlier = EarlierValues()
        found = earlier.of(session, states)
        assert found[4] == "3"
        assert found == {version: str(version - 1) for version in found}
        assert earlier.of(session, states) == found
        assert earlier.of(None, states) == {}


def test_a_version_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    session, _ = built_session(tmp_path)
    with session:
        assert EarlierValues().of(session, [state(999, "stock", "1", session.end_ns)]) == {}


def test_what_the_worker_has_looked_up_the_view_finds_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, source = built_session(tmp_path)
    with session:
        states = [state(4, "stock", "4", session.segments[-1].end_ns)]
        found = earlier_values(source).of(session, states)
        assert found == {4: "3"}

        def fail(*_: object) -> None:
            raise AssertionError("a file was read")

        monkeypatch.setattr(Session, "segment_table", fail)
        assert earlier_values(source).of(session, states) == found
