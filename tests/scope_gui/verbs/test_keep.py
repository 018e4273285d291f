"""Index and pack look after the caches: keyframes and level of detail, never trusted and never lost for good."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.session.session import Session
from dags.analyses.call_summary import call_summary
from dags.analyses.detail import KEPT_FROM_EVENTS, segment_detail
from tests.scope_command import scope, scope_json
from tests.sessions import Truth, build_session

SEGMENTS = 3


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    return build_session(tmp_path / "s.scope", SEGMENTS * KEPT_FROM_EVENTS, 2, segments=SEGMENTS)


def caches(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "cache").iterdir())}


def test_index_makes_all_caches_anew_and_twice_the_same(truth: Truth) -> None:
    said = scope("index", truth.path).stdout
    assert said == f"{SEGMENTS} keyframes, {SEGMENTS} levels of detail, {SEGMENTS} summaries of calls written\n"
    first = caches(truth.path)
    assert sorted(first) == sorted(
        f"{i:08d}.{kind}" for i in range(1, SEGMENTS + 1) for kind in ("calls", "key", "lod")
    )
    scope("index", truth.path)
    assert caches(truth.path) == first


def test_index_writes_what_a_view_would_have_worked_out(truth: Truth) -> None:
    scope("index", truth.path)
    indexed = caches(truth.path)
    for path in [*truth.path.glob("cache/*.lod"), *truth.path.glob("cache/*.calls")]:
        path.unlink()
    with Session.open(truth.path) as session:
        for index in range(SEGMENTS):
            segment_detail(session, index)
            call_summary(session, index)
    assert caches(truth.path) == indexed


@pytest.mark.parametrize("damaged", [b"", b"cut", b"12345678some other rows"])
def test_a_wrong_level_of_detail_is_told_loses_nothing_and_is_written_again(truth: Truth, damaged: bytes) -> None:
    scope("index", truth.path)
    whole = caches(truth.path)
    (truth.path / "cache" / "00000002.lod").write_bytes(damaged)
    report = scope_json("verify", truth.path, "--json")
    assert report["ok"]
    (problem,) = report["problems"]
    assert problem["what"].startswith("Segment 2: its level of detail is damaged")
    assert not problem["lost"]
    scope("index", truth.path)
    assert caches(truth.path) == whole
    assert scope_json("verify", truth.path, "--json")["problems"] == []


def test_a_packed_session_has_all_caches_even_if_nobody_ever_looked(truth: Truth, tmp_path: Path) -> None:
    scope("index", truth.path)
    whole = caches(truth.path)
    for path in [*truth.path.glob("cache/*.lod"), *truth.path.glob("cache/*.calls")]:
        path.unlink()
    scope("pack", truth.path, "-o", tmp_path / "packed.scope")
    with Session.open(tmp_path / "packed.scope") as packed:
        assert {name.partition("/")[2] for name in packed.names() if name.startswith("cache/")} == set(whole)
        assert all(packed.raw(f"cache/{name}") == data for name, data in whole.items())
    assert scope_json("verify", tmp_path / "packed.scope", "--json")["problems"] == []


def test_a_small_session_has_no_level_of_detail_and_is_not_larger_than_what_it_holds(tmp_path: Path) -> None:
    """4 000 events were packed into 79 KB, of which the segments were 20; one that an older Scope has left goes."""
    truth = build_session(tmp_path / "small.scope", 4_000, 2, segments=1)
    with Session.open(truth.path) as session:
        assert segment_detail(session, 0).levels
        (truth.path / session.segments[0].detail_name).write_bytes(b"of an older version")
    assert scope("index", truth.path).stdout == "1 keyframes, 0 levels of detail, 0 summaries of calls written\n"
    assert list(caches(truth.path)) == ["00000001.key"]
    scope("pack", truth.path, "-o", tmp_path / "packed.scope")
    segments = sum(path.stat().st_size for path in truth.path.glob("segments/*"))
    assert (tmp_path / "packed.scope").stat().st_size < 2 * segments


def test_the_caches_of_an_unfinished_session_are_left_to_its_recorder(tmp_path: Path) -> None:
    path = build_session(tmp_path / "live.scope", 500, 1, finish=False).path
    before = caches(path)
    told = scope("index", path, expect=1).stderr
    assert "is not finished" in told
    assert "scope-gui recover" in told
    assert caches(path) == before
