"""Very many segments without rows, or files of anything, cost no verb more than reading their list."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import msgspec
import pytest

from capture.drain.blocks import file_name
from capture.drain.journal import JournalReader, JournalWriter
from capture.session.format import SegmentEntry
from capture.session.session import Session
from dags.analyses.detail_reader import DetailReader
from dags.correlate.replay import state_before
from dags.frame.reader import frame_at
from tests.conftest import in_soak_only
from tests.forged import forged_entry, read_manifest, write_manifest
from tests.scope_command import query, scope, scope_here
from tests.sessions import build_session
from tests.synthetic import PaperTarget

MANY = 5_000
FULL = 200_000


def with_empty_segments(path: Path, count: int) -> Path:
    """A session of which the second half of the time is that many segments without rows."""
    build_session(path, 200, segments=2)
    assert scope_here(["index", str(path)]).returncode == 0
    manifest = read_manifest(path)
    last = manifest.segments[-1]
    entries = [
        SegmentEntry(100 + at, 255, last.first_event_id + last.events, 0, last.end_ns + at, last.end_ns + at + 1, [])
        for at in range(count)
    ]
    end_ns = last.end_ns + count
    write_manifest(path, segments=[*manifest.segments, *entries], end_ns=end_ns, next_seq=100 + count)
    return path


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_empty_segments(tmp_path_factory.mktemp("empty") / "s.scope", MANY)


def test_every_answer_is_that_of_the_segments_that_have_rows(session: Path, tmp_path: Path) -> None:
    build_session(tmp_path / "few.scope", 200, segments=2)
    for sql in ("SELECT count(*) AS n FROM calls", "SELECT * FROM gaps", "SELECT count(*) AS n FROM events"):
        assert query(session, sql) == query(tmp_path / "few.scope", sql)
    with Session.open(session) as many, Session.open(tmp_path / "few.scope") as few:
        last = frame_at(few, few.end_ns)
        for time_ns in (few.end_ns + 1, many.end_ns - 1, many.end_ns):
            shown = frame_at(many, time_ns)
            stacks = [[call.call_id for call in track.stack] for track in shown.tracks]
            assert stacks == [[call.call_id for call in track.stack] for track in last.tracks]
            assert shown.event_id == last.event_id
        assert state_before(many, MANY // 2).keyframe() == state_before(many, 2).keyframe()


def test_a_timeline_reads_one_of_them_for_all(session: Path) -> None:
    with Session.open(session) as opened:
        reader = DetailReader(opened)
        assert list(reader.segments_between(opened.start_ns, opened.end_ns)) == [0, 1, 2]
        assert list(reader.segments_between(opened.end_ns - 50, opened.end_ns)) == [2]
        still = reader.read(2).open
        assert list(still["call_id"]) == list(reader.read(1).open["call_id"])


def test_nothing_is_missing_and_no_cache_is_made_for_them(session: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(session, tmp_path / "s.scope")
    assert "nothing that was recorded is missing" in scope("verify", mine).stdout
    assert scope("index", mine).stdout == "3 keyframes, 0 levels of detail, 0 summaries of calls written\n"
    scope_here(["pack", str(mine)])
    assert "nothing that was recorded is missing" in scope("verify", mine).stdout


def test_as_many_files_that_are_gone_cost_no_more(session: Path, tmp_path: Path) -> None:
    """Each was compared with a thousand others that had been told of: 200 000 of them took `info` a minute.

    And pyarrow looked for a pandas four times for each, found or not: a query took a millisecond a segment.
    """
    mine = shutil.copytree(session, tmp_path / "s.scope")
    segments = read_manifest(mine).segments
    gone = [
        msgspec.structs.replace(part, files=[forged_entry(f"segments/{part.seq:08d}.events.parquet", b"x", 1)])
        for part in segments
    ]
    write_manifest(mine, segments=gone)
    began = time.process_time()
    with Session.open(mine) as opened:
        assert len(opened.problems) == 1_000
        assert len(opened.reader.damaged) == len(segments)
    assert query(mine, "SELECT count(*) AS n FROM events") == [{"n": 0}]
    assert time.process_time() - began < 4


def test_as_many_files_of_a_journal_are_listed_once(tmp_path: Path) -> None:
    """Each of them was looked up in a list of all: what it took was the square of how many there are."""
    journal = PaperTarget().begin()
    journal.write(tmp_path / "journal")
    for number in range(2, MANY):
        (tmp_path / "journal" / file_name(number)).touch()
    began = time.process_time()
    reader = JournalReader(tmp_path / "journal")
    assert len(reader.read()) == len(journal.blocks)
    reader.close()
    writer = JournalWriter.reopen(tmp_path / "journal")
    assert writer.position == (MANY - 1, 0)
    writer.close()
    assert time.process_time() - began < 5


@pytest.mark.soak
@in_soak_only
@pytest.mark.parametrize("verb", ["info", "frame", "events", "query", "verify", "index", "export", "pack", "recover"])
def test_no_verb_hangs(verb: str, tmp_path: Path) -> None:
    """frame, export, verify, index and a query of gaps had not ended after a minute."""
    mine = with_empty_segments(tmp_path / "s.scope", FULL)
    more = {"frame": ["--at", "end"], "query": ["SELECT * FROM gaps"]}
    more["export"] = ["--at", "50%", "-o", str(tmp_path / "a.png")]
    scope(verb, mine, *more.get(verb, []), timeout_s=60, env=None)
