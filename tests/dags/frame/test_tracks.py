"""dags.frame.tracks: who is there at an instant, and what is kept of that from one to the next."""

from __future__ import annotations

from unittest import mock

import pytest

from capture.events.definitions import ProcessRow, TrackRow
from dags.frame import tracks
from dags.frame.tracks import Population, TrackColumns

PROCESSES = [ProcessRow(process_id=1, pid=7, start_ns=0), ProcessRow(process_id=2, pid=8, start_ns=0, tier="observe")]


def thread(track_id: int, start_ns: int, end_ns: int | None = None, process_id: int = 1) -> TrackRow:
    return TrackRow(track_id=track_id, process_id=process_id, os_id=track_id, start_ns=start_ns, end_ns=end_ns)


def columns(*rows: TrackRow) -> TrackColumns:
    return TrackColumns(rows, PROCESSES, captures_waits=True)


def test_of_the_tracks_that_ended_the_latest_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "ENDED_TRACKS_SHOWN", 2)
    known = columns(thread(1, 0), thread(2, 0, 30), thread(3, 0, 10), thread(4, 0, 20), thread(5, 35))
    there = {at_ns: (known.population_at(at_ns).rows + 1).tolist() for at_ns in (0, 10, 20, 30, 35)}
    assert there == {0: [1, 2, 3, 4], 10: [1, 2, 3, 4], 20: [1, 2, 3, 4], 30: [1, 2, 4], 35: [1, 2, 4, 5]}


def test_who_is_there_is_counted_once_until_a_track_begins_or_ends() -> None:
    known = columns(thread(1, 0), thread(2, 10, 20))
    with mock.patch.object(Population, "of", wraps=Population.of) as counted:
        for at_ns in (10, 11, 19, 12, 20, 21, 15, 9):
            known.population_at(at_ns)
    assert counted.call_count == 3


def test_only_live_threads_of_python_that_is_recorded_say_how_sure_a_frame_is() -> None:
    known = columns(thread(1, 0), thread(2, 0, 5), thread(3, 0, process_id=2), thread(4, 9))
    assert known.population_at(6).recorded_ids.tolist() == [1]
    assert known.population_at(9).recorded_ids.tolist() == [1, 4]
