"""A session cut at any byte or with any bit flipped opens with a report of what is missing, or gives one typed error.

Never a crash, a hang, another exception, or a row that was not recorded. SCOPE_SOAK=1 tries every position.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from capture.errors import FormatError
from capture.session.eventtable import event_table
from capture.session.pack import pack
from capture.session.query import query
from capture.session.session import Session
from capture.session.tables import SCHEMAS
from tests.sessions import Truth, build_session

pytestmark = pytest.mark.soak

SOAK = bool(os.environ.get("SCOPE_SOAK"))
SAMPLE = 200
SEGMENTS = 2
TABLES = ("events", "calls", "states", "metrics", "edges", "gaps")

Rows = dict[str, Counter[tuple[object, ...]]]


def as_rows(table: pa.Table) -> Counter[tuple[object, ...]]:
    return Counter(zip(*(column.to_pylist() for column in table.columns), strict=True))


def read_everything(session: Session) -> Rows:
    """Every row that every way of reading gives; queries are compared with the plain reads on the way."""
    found: Rows = {name: Counter() for name in TABLES}
    for index, segment in enumerate(session.segments):
        batch = session.events(index)
        found["events"] += as_rows(event_table(batch).select(COMPARED["events"]))
        for name in TABLES[1:]:
            found[name] += as_rows(session.segment_table(index, name).select(COMPARED[name]))
        session.keyframe(index)
        assert segment.start_ns <= segment.end_ns
    definitions: dict[str, Sequence[Any]] = {
        "processes": session.processes(),
        "tracks": session.tracks(),
        "sites": session.sites(),
        "state_keys": session.state_keys(),
    }
    for name, rows in definitions.items():
        found[name] = Counter(tuple(getattr(row, column) for column in SCHEMAS[name].names) for row in rows)
    session.info()
    return found


COMPARED = {name: SCHEMAS[name].names for name in TABLES}


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return build_session(tmp_path_factory.mktemp("damage") / "small.scope", events=60, tracks=1, segments=SEGMENTS)


@pytest.fixture(scope="module")
def true_rows(truth: Truth) -> Rows:
    with Session.open(truth.path) as session:
        assert session.problems == []
        rows = read_everything(session)
    assert rows["events"] == as_rows(truth.tables["events"])
    assert rows["calls"] == as_rows(truth.tables["calls"])
    return rows


@pytest.fixture(scope="module")
def packed(truth: Truth) -> bytes:
    path = pack(truth.path, truth.path.with_name("packed.scope"))
    assert path.stat().st_size <= 28 * 1024
    return path.read_bytes()


def check(path: Path, true_rows: Rows) -> bool:
    """Whether it opened; what it holds must be true, and what it lacks must be reported."""
    try:
        session = Session.open(path)
    except FormatError as error:
        assert error.message.endswith(".")
        return False
    with session:
        try:
            found = read_everything(session)
        except FormatError:
            return False
        for name, rows in found.items():
            assert rows <= true_rows[name], f"invented rows of {name}"
        if found != true_rows:
            assert any(problem.lost for problem in session.problems), "rows are missing without a word"
            assert not session.complete
    return True


def places(count: int, salt: str, sample: int = SAMPLE) -> Iterator[int]:
    if SOAK or count <= sample:
        yield from range(count)
    else:
        yield from sorted(random.Random(salt).sample(range(count), sample))


def test_a_packed_session_cut_at_any_byte_opens_with_a_report_or_gives_one_error(
    packed: bytes, true_rows: Rows, tmp_path: Path
) -> None:
    opened = 0
    path = tmp_path / "cut.scope"
    for length in places(len(packed), "cut"):
        path.write_bytes(packed[:length])
        opened += check(path, true_rows)
    assert opened > 0.5 * len(list(places(len(packed), "cut")))


def test_a_packed_session_with_any_bit_flipped_opens_with_a_report_or_gives_one_error(
    packed: bytes, true_rows: Rows, tmp_path: Path
) -> None:
    path = tmp_path / "flipped.scope"
    bits = range(0, len(packed) * 8, 7)
    for at in places(len(bits), "flip"):
        data = bytearray(packed)
        data[bits[at] // 8] ^= 1 << bits[at] % 8
        path.write_bytes(data)
        assert check(path, true_rows), f"one flipped bit at {bits[at]} made the session unreadable"


def test_every_file_of_a_directory_may_be_cut_or_flipped_anywhere(
    truth: Truth, true_rows: Rows, tmp_path: Path
) -> None:
    path = tmp_path / "dir.scope"
    shutil.copytree(truth.path, path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    bounds = [(file, file.read_bytes()) for file in files]
    cuts = [(file, data, at, None) for file, data in bounds for at in range(len(data))]
    flips = [(file, data, bit // 8, bit % 8) for file, data in bounds for bit in range(0, 8 * len(data), 7)]
    for kind in (cuts, flips):
        for at in places(len(kind), "directory", SAMPLE // 2):
            file, data, byte, bit = kind[at]
            damaged = bytearray(data)
            if bit is None:
                del damaged[byte:]
            else:
                damaged[byte] ^= 1 << bit
            file.write_bytes(damaged)
            assert check(path, true_rows), f"{file.name} damaged at {byte} made the session unreadable"
            file.write_bytes(data)


def test_any_file_of_a_directory_may_be_missing(truth: Truth, true_rows: Rows, tmp_path: Path) -> None:
    path = tmp_path / "dir.scope"
    shutil.copytree(truth.path, path)
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        data = file.read_bytes()
        file.unlink()
        assert check(path, true_rows)
        file.write_bytes(data)


def test_bytes_at_random_are_no_session(tmp_path: Path) -> None:
    path = tmp_path / "noise.scope"
    for seed in range(200):
        noise = random.Random(seed)
        head = noise.choice([b"", b"PK\x03\x04", b"PK\x05\x06", b'{"scope":"1.0"', b"SCPJ", b"PAR1"])
        path.write_bytes(head + noise.randbytes(noise.randrange(2000)))
        with pytest.raises(FormatError):
            Session.open(path)


def test_queries_pass_over_what_is_damaged_and_gaps_tell_of_it(truth: Truth, true_rows: Rows, tmp_path: Path) -> None:
    path = tmp_path / "dir.scope"
    shutil.copytree(truth.path, path)
    for file in sorted((path / "segments").glob("00000001.*.parquet")):
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 4
        file.write_bytes(data)
    with Session.open(path) as session:
        second = session.segments[1]
        assert query(session, "SELECT count(*) n, min(event_id) m FROM events").to_pylist() == [
            {"n": second.events, "m": second.first_event_id}
        ]
        calls = as_rows(query(session, "SELECT * FROM calls"))
        assert calls < true_rows["calls"]
        damaged = query(session, "SELECT start_ns, end_ns, dropped FROM gaps WHERE reason = 'damaged'").to_pylist()
        first = session.segments[0]
        assert damaged == [{"start_ns": first.start_ns, "end_ns": first.end_ns, "dropped": first.events}]
        assert not session.complete
