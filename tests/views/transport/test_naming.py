"""What the event at the cursor is: held against the session's own tables, and read before anybody paints."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import numpy as np
import pytest
from msgspec.structs import replace

from capture.events.batch import make_batch
from capture.events.kinds import Kind
from capture.session.session import Session
from tests.sessions import Truth, build_session
from tests.views.windows import frame
from views.reading.source import Source
from views.transport.naming import FIRST_ROWS, event_in_words, took
from views.words.figures import duration_text


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return build_session(tmp_path_factory.mktemp("named") / "a.scope", events=900, tracks=3, segments=2)


@pytest.fixture
def source(truth: Truth) -> Iterator[Source]:
    with Session.open(truth.path) as session:
        yield Source(session)


def words(source: Source, event_id: int) -> str:
    return event_in_words(source, replace(frame(0), event_id=event_id))


def test_each_event_is_named_by_kind_function_and_thread(truth: Truth, source: Source) -> None:
    named = 0
    for row, (kind, track_id, site_id) in enumerate(
        zip(truth.events.kind.tolist(), truth.events.track_id.tolist(), truth.events.site_id.tolist(), strict=True)
    ):
        said = words(source, truth.events.first_event_id + row).split(" · ")
        assert source.names.track(track_id) in said
        if Kind(kind).row.group == "call":
            assert said[0].startswith(f"{Kind(kind).title} of {source.names.site(site_id)}")
            named += 1
    assert named > 500
    assert words(source, 0) == ""
    assert event_in_words(source, None) == ""


def test_a_call_says_how_long_it_took_at_both_its_ends(truth: Truth, source: Source) -> None:
    assert source.session is not None
    held = 0
    for index in range(len(source.session.segments)):
        batch = source.segment_events(index)
        calls = source.session.calls(index, ("track_id", "start_ns", "end_ns")).to_pylist()
        known = {(row["track_id"], row["start_ns"], row["end_ns"]) for row in calls if row["end_ns"] is not None}
        for row in np.flatnonzero(batch.kind == Kind.RETURN).tolist():
            took_ns, end_ns = took(batch, row), int(batch.time_ns[row])
            if took_ns is not None:
                assert (int(batch.track_id[row]), end_ns - took_ns, end_ns) in known
                begins = np.flatnonzero((batch.time_ns == end_ns - took_ns) & (batch.kind == Kind.CALL))
                assert took_ns in {took(batch, begin) for begin in begins.tolist()}
                assert duration_text(took_ns) in words(source, batch.first_event_id + row)
                held += 1
    assert held > 100


def test_the_other_end_is_found_over_pieces_and_not_across_what_is_lost() -> None:
    rows = 4 * FIRST_ROWS
    kind = np.full(rows, Kind.CALL, np.uint8)
    kind[2::2] = Kind.RETURN
    kind[1::2] = Kind.CALL
    kind[-1] = Kind.RETURN
    batch = make_batch(1, np.arange(rows, dtype=np.int64) * 10, kind, np.full(rows, 2, np.int32))
    assert took(batch, 0) == took(batch, rows - 1) == (rows - 1) * 10
    assert took(batch, 1) == took(batch, 2) == 10
    kind[rows // 2 | 1] = Kind.GAP
    lost = make_batch(1, np.arange(rows, dtype=np.int64) * 10, kind, np.full(rows, 2, np.int32))
    assert took(lost, 0) is None
    assert took(lost, rows - 1) is None


def test_states_and_exceptions_say_what_they_are(source: Source) -> None:
    batch = make_batch(
        1,
        np.array([5, 6, 7], np.int64),
        np.array([Kind.STATE, Kind.RAISE, 99], np.uint8),
        np.full(3, 2, np.int32),
        ref=np.array([4, 0, 0], np.int64),
        value_rows=np.array([0, 1], np.int64),
        values=["9", "KeyError"],
        message_rows=np.array([1], np.int64),
        messages=["'lamp'"],
    )
    key = type("Key", (), {"key_id": 4, "owner": "Stock", "key": "units"})
    session = source.session
    assert session is not None
    with (
        patch.object(Source, "segment_events", return_value=batch),
        patch.object(type(session), "state_keys", return_value=[key]),
    ):
        thread = source.names.track(2)
        assert words(source, 1) == f"Stock.units = 9 · {thread}"
        assert words(source, 2) == f"raise of KeyError: 'lamp' · {thread}"
        assert words(source, 3) == f"an event of a kind that this Scope does not know · {thread}"


def test_what_was_named_ahead_is_read_no_more(source: Source) -> None:
    said = words(source, 5)
    with patch.object(Source, "segment_events", side_effect=AssertionError("read while painting")):
        assert words(source, 5) == said
