"""One row of FOLLOWERS is all that a DAG needs, and sessions of before cost no more for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from capture.errors import FormatError
from capture.events.batch import EventBatch
from capture.events.kinds import Kind
from capture.session import tables
from capture.session.pack import pack
from capture.session.query import query
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from capture.session.table_shape import Table, column
from capture.session.tables import TABLES
from dags import registry
from dags.base import Context, Dag, Rows, decoded
from dags.correlate.correlator import Correlator
from dags.correlate.keyframe import decode_keyframe
from dags.correlate.sealing import SessionWriter
from dags.registry import FOLLOWERS, Follower
from tests.frames import frame_and_reads
from tests.scope_command import scope_here
from tests.sessions import build_session, make_events

SEGMENTS = 50
PAUSES = Table(
    name="pauses",
    says="When a track was quiet for longer than ever before.",
    lives="segment",
    time="time_ns",
    columns=(
        column("time_ns", pa.int64(), "When it went on."),
        column("track_id", pa.int32(), "The track.", refers="tracks"),
        column("length_ns", pa.int64(), "How long it was quiet."),
    ),
)


class Longest(msgspec.Struct):
    """The longest pause of all so far, and when the last event was."""

    last_ns: int = 0
    length_ns: int = 0


class PauseDag(Dag):
    """A made-up DAG: pauses that are longer than all before."""

    def __init__(self) -> None:
        self.longest = Longest()

    @classmethod
    def restored(cls, data: bytes) -> Self:
        self = cls()
        self.longest = decoded(data, Longest)
        return self

    def keyframe(self) -> bytes:
        return msgspec.msgpack.encode(self.longest)

    def feed(self, batch: EventBatch, context: Context) -> Rows:
        found = []
        for time_ns, track_id in zip(batch.time_ns.tolist(), batch.track_id.tolist(), strict=True):
            length_ns = time_ns - self.longest.last_ns
            if length_ns > self.longest.length_ns:
                self.longest.length_ns = length_ns
                found.append((time_ns, track_id, length_ns))
            self.longest.last_ns = time_ns
        columns = np.array(found, np.int64).reshape(-1, 3).T
        return {"pauses": dict(zip(("time_ns", "track_id", "length_ns"), columns, strict=True))}

    def copy(self) -> Self:
        other = type(self)()
        other.longest = msgspec.structs.replace(self.longest)
        return other

    def part(self, time_ns: int) -> Any:
        return {"longest_ns": self.longest.length_ns}


class NewerPauseDag(PauseDag):
    version = 2


PAUSE = Follower("pause", f"{__name__}:PauseDag", tables=("pauses",))


def sealed(path: Path) -> Path:
    """A finished session of many segments, sealed by what is followed now."""
    names = build_session(path.with_name("names.scope"), events=4, tracks=2).path
    batch, _ = make_events(2_000, 2, seed=4)
    about = {"session_id": "5e55105e55105e55", "created_real_ns": 1, "target": "t", "python": "3.13.0"}
    store = SegmentStore.create(path, about, sync=False)
    store._may_merge = False
    writer = SessionWriter(store)
    with Session.open(names) as session:
        tracks = session.tracks()
        store.write_defs(session.processes(), tracks, session.sites())
    each = len(batch) // SEGMENTS
    for part in range(SEGMENTS):
        writer.write(batch.slice(part * each, (part + 1) * each), tracks, is_last=part == SEGMENTS - 1)
    kinds = {kind.name.lower(): int(n) for kind in Kind if (n := np.count_nonzero(batch.kind == kind))}
    store.set_counts(len(batch), len(batch), 0, 0, kinds)
    store.finish()
    return path


def longest_until(session: Session, time_ns: int) -> int:
    times = np.concatenate([[0], *(session.events(index).time_ns for index in range(len(session.segments)))])
    return int(np.diff(times[times <= time_ns]).max(initial=0))


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    with monkeypatch.context() as patched:
        patched.setattr(registry, "FOLLOWERS", (*FOLLOWERS, PAUSE))
        patched.setattr(tables, "TABLES", (*TABLES, PAUSES))
        yield patched


@pytest.mark.usefixtures("followed")
def test_a_made_up_dag_is_in_frames_keyframes_and_sql(tmp_path: Path) -> None:
    with Session.open(sealed(tmp_path / "s.scope")) as session:
        for share in (0.2, 0.71, 1.0):
            at_ns = int(session.end_ns * share)
            read, frame = frame_and_reads(session, at_ns)
            assert read <= 2
            assert (frame.parts, frame.unknown) == ({"pause": {"longest_ns": longest_until(session, at_ns)}}, [])
        assert "pause" in decode_keyframe(session.keyframe(7) or b"").dags
        rows = query(session, "SELECT time_ns, length_ns FROM pauses JOIN tracks USING (track_id)").to_pylist()
        assert rows
        assert rows[-1]["length_ns"] == longest_until(session, session.end_ns)
    said = scope_here(["frame", str(tmp_path / "s.scope"), "--at", "50%", "--json"]).stdout
    assert json.loads(said)["parts"]["pause"]["longest_ns"] > 0


@pytest.mark.parametrize("is_packed", [False, True], ids=["folder", "packed"])
def test_one_more_dag_costs_a_session_of_before_nothing(
    is_packed: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A keyframe without its part was no keyframe: a frame at the end read all 50 segments instead of one."""
    path = sealed(tmp_path / "s.scope")
    with Session.open(path) as session:
        of_before = [frame_and_reads(session, int(session.end_ns * share)) for share in (0.5, 1.0)]
    if is_packed:
        path = pack(path, tmp_path / "packed.scope")
    request.getfixturevalue("followed")
    with Session.open(path) as session:
        for (reads, expected), share in zip(of_before, (0.5, 1.0), strict=True):
            read, frame = frame_and_reads(session, int(session.end_ns * share))
            assert read == reads <= 2
            assert frame.unknown == ["pause"]
            assert msgspec.structs.replace(frame, parts={}, unknown=[]) == expected
        assert query(session, "SELECT * FROM pauses").to_pylist() == []
    if not is_packed:
        assert scope_here(["index", str(path)]).returncode == 0
        with Session.open(path) as session:
            read, frame = frame_and_reads(session, session.end_ns)
            assert read <= 2
            assert frame.parts == {"pause": {"longest_ns": longest_until(session, session.end_ns)}}
            assert frame.unknown == []


def test_what_goes_on_from_a_keyframe_without_a_part_says_so_in_its_own(followed: pytest.MonkeyPatch) -> None:
    batch, _ = make_events(60, 1, seed=2)
    with pytest.MonkeyPatch.context() as before:
        before.setattr(registry, "FOLLOWERS", FOLLOWERS)
        state = Correlator()
        state.feed(batch.slice(0, 30))
        data = state.keyframe()
    resumed = Correlator.from_keyframe(data)
    resumed.feed(batch.slice(30, 60))
    assert Correlator.from_keyframe(resumed.keyframe()).unknown == {"pause"}
    assert resumed.copy().unknown == {"pause"}


def test_a_part_of_another_version_is_what_is_not_known(followed: pytest.MonkeyPatch) -> None:
    data = Correlator().keyframe()
    newer = PAUSE._replace(dag=f"{__name__}:NewerPauseDag")
    followed.setattr(registry, "FOLLOWERS", (*FOLLOWERS, newer))
    assert Correlator.from_keyframe(data).unknown == {"pause"}
    assert Correlator.from_keyframe(Correlator().keyframe()).unknown == frozenset()


@pytest.mark.parametrize("name", [row.name for row in FOLLOWERS])
def test_without_a_part_that_numbers_rows_nothing_goes_on(name: str) -> None:
    """Two calls of one number would be worse than a replay from the start."""
    kept = msgspec.msgpack.decode(Correlator().keyframe())
    del kept["dags"][name]
    data = msgspec.msgpack.encode(kept)
    if next(row for row in FOLLOWERS if row.name == name).numbers:
        with pytest.raises(FormatError, match=name):
            Correlator.from_keyframe(data)
    else:
        came_with_kinds = next(row for row in FOLLOWERS if row.name == name).with_kinds
        assert Correlator.from_keyframe(data).unknown == (set() if came_with_kinds else {name})


def test_every_follower_is_a_dag_whose_rows_have_a_table() -> None:
    for row in FOLLOWERS:
        assert issubclass(row.kind(), Dag)
        made = row.kind()().feed(EventBatch.empty(), Context())
        assert tuple(made) == row.tables
        assert set(row.tables) <= {table.name for table in TABLES}
