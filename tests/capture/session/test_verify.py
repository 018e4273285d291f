"""A full check finds nothing in a sound session and names what is wrong in any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from capture.events.batch import make_batch
from capture.session.pack import pack
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from capture.session.verify import Report, verify
from tests.sessions import Truth, build_session


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    return build_session(tmp_path / "a.scope", events=300)


def report(path: Path) -> Report:
    with Session.open(path) as session:
        return verify(session)


def test_a_sound_session_passes_as_directory_and_as_file(truth: Truth) -> None:
    found = report(truth.path)
    assert (found.ok, found.problems) == (True, [])
    assert found.rows["events"] == 300
    assert found.rows["calls"] == len(truth.tables["calls"])
    assert report(pack(truth.path)) == found


def test_every_flipped_file_is_named(truth: Truth) -> None:
    names = [*truth.path.glob("segments/*"), *truth.path.glob("defs/*")]
    for path in names:
        data = path.read_bytes()
        path.write_bytes(data[:-10] + bytes([data[-10] ^ 8]) + data[-9:])
        found = report(truth.path)
        assert not found.ok
        assert f"{path.parent.name}/{path.name}" in {problem.file for problem in found.problems}
        path.write_bytes(data)
    assert report(truth.path).ok


def test_a_lost_keyframe_or_manifest_copy_is_told_but_loses_nothing(truth: Truth) -> None:
    (truth.path / "manifest.bak").unlink()
    (truth.path / "cache" / "00000002.key").write_bytes(b"?")
    found = report(truth.path)
    assert found.ok
    assert len(found.problems) == 2


def test_a_session_that_contradicts_itself_is_not_ok(tmp_path: Path) -> None:
    store = SegmentStore.create(tmp_path / "a.scope", {"session_id": "0" * 16, "created_real_ns": 1}, sync=False)
    times = np.array([5, 4, 9], np.int64)
    store.seal(make_batch(1, times, np.ones(3, np.uint8), np.ones(3, np.int32), site_id=np.full(3, 7, np.int32)))
    store.set_counts(10, 4, 5, 0, {"call": 2})
    store.finish()
    found = report(tmp_path / "a.scope")
    assert not found.ok
    said = " ".join(problem.what for problem in found.problems)
    for part in (
        "time order",
        "tracks that are not there: 1",
        "sites that are not there: 7",
        "10 events were produced",
    ):
        assert part in said
    assert "4 events were recorded, but the segments hold 3" in said
    assert "by kind" in said
