"""Files that are more than they look, with right checksums: refused for what decoding would make, before it is made."""

from __future__ import annotations

import io
import os
import random
import resource
import struct
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from capture.errors import FormatError
from capture.session import packed, parquet
from capture.session.pack import pack
from capture.session.packed import PackedFiles
from capture.session.rows import as_table
from capture.session.session import Session
from capture.session.tables import SCHEMAS, STORED_SCHEMAS
from capture.session.verify import verify
from tests.forged import forge, listed
from tests.scope_command import query, scope_json
from tests.sessions import build_session

MIB = 1 << 20


def repeated(text: str, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))


def file_of(columns: dict[str, pa.Array], **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(
        pa.table(columns), sink, compression="zstd", store_schema=False, dictionary_pagesize_limit=1 << 30, **options
    )
    return sink.getvalue()


def sites(rows: int, function: pa.Array) -> bytes:
    ids, ones = pa.array(range(1, rows + 1), pa.int32()), pa.array([1] * rows, pa.int32())
    return file_of({"site_id": ids, "function": function, "module": repeated("m", rows), "line": ones})


def front_coded(rows: int) -> bytes:
    """A text of a megabyte that each row repeats as the start of its own: 40 bytes a row."""
    texts = pa.array(["A" * MIB + str(i) for i in range(rows)], pa.string())
    ids = pa.array(range(1, rows + 1), pa.int32())
    return file_of(
        {"site_id": ids, "function": texts}, use_dictionary=False, column_encoding={"function": "DELTA_BYTE_ARRAY"}
    )


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


BOMBS: dict[str, Callable[[], tuple[bytes, int]]] = {
    "4 GiB of one text of a kilobyte": lambda: (sites(4_000_000, repeated("A" * 1_000, 4_000_000)), 4_000_000),
    "20 GiB of one text of a megabyte": lambda: (sites(20_000, repeated("A" * MIB, 20_000)), 20_000),
    "texts that begin alike": lambda: (front_coded(64), 64),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_texts_that_grow_when_decoded_cost_their_own_rows_and_no_memory(bomb: str, tmp_path: Path) -> None:
    truth = build_session(tmp_path / "a.scope", events=100, segments=2)
    data, rows = BOMBS[bomb]()
    forge(truth.path, listed(truth.path, "sites").name, data, rows)
    before, began = peak_mib(), time.monotonic()
    with Session.open(truth.path) as session:
        assert session.sites() == []
        assert len(session.tracks()) == 3
        [problem] = session.problems
        assert problem.lost and "sites" in problem.what
        assert not verify(session).ok
    assert scope_json("frame", truth.path, "--at", "50%", "--json")["tracks"]
    assert query(truth.path, "SELECT count(*) AS n FROM calls") == [{"n": len(truth.tables["calls"])}]
    assert peak_mib() - before < 256
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("is_sparse", [False, True])
def test_a_dictionary_is_refused_that_is_too_much_once_each_row_has_its_text(is_sparse: bool) -> None:
    rows, text = 20_000, "A" * (MIB // 2)
    table = as_table("events", {"event_id": pa.array(range(1, rows + 1)), "value": repeated(text, rows)})
    data, before = parquet.encode("events", table), peak_mib()
    with pytest.raises(FormatError, match="texts"):
        parquet.decode("events", data, rows, ["value"], sparse=is_sparse)
    assert len(parquet.decode("events", data, rows, ["event_id"], sparse=is_sparse)) == rows
    assert peak_mib() - before < 64


def test_a_long_dictionary_of_honest_texts_is_read(tmp_path: Path) -> None:
    """60 000 functions with names of their own: rows times dictionary would be 100 GiB."""
    rows = 60_000
    truth = build_session(tmp_path / "a.scope", events=20, segments=1)
    names = [f"Class{i}.method" for i in range(rows)]
    table = as_table("sites", {"site_id": pa.array(range(1, rows + 1), pa.int32()), "function": names})
    forge(truth.path, listed(truth.path, "sites").name, bytes(parquet.encode("sites", table)), rows)
    assert query(truth.path, "SELECT count(DISTINCT function) AS n FROM sites") == [{"n": rows}]


def test_many_files_of_names_are_no_more_than_one(tmp_path: Path) -> None:
    rows = 3_000_000
    truth = build_session(tmp_path / "a.scope", events=20, segments=1)
    data = sites(rows, repeated("f", rows))
    for number in range(8):
        forge(truth.path, f"defs/{900 + number:08d}.sites.parquet", data, rows)
    with Session.open(truth.path) as session:
        assert session.table("sites").scanner(columns=["function"]).to_table().nbytes < 256 * MIB
        assert len([problem for problem in session.problems if "at most" in problem.what]) == 7
    [told] = query(truth.path, "SELECT count(*) AS n FROM sites")
    assert told["n"] < 4_200_000


def outcome(name: str, data: bytes, rows: int) -> str:
    try:
        parquet.decode(name, pa.py_buffer(data), rows)
    except FormatError:
        return "refused"
    return "read"


def ended(name: str, damaged: Iterable[bytes], rows: int) -> int:
    """How a process ends that reads all these files of a table; each may have any content, but none may end it."""
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            for data in damaged:
                outcome(name, data, rows)
            os._exit(0)
        finally:
            os._exit(77)
    return os.waitpid(child, 0)[1]


def footer_bits(data: bytes, step: int) -> Iterable[bytes]:
    first = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    for bit in range(first * 8, (len(data) - 4) * 8, step):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


def any_bytes(data: bytes, count: int, seed: int) -> Iterable[bytes]:
    """Several bytes anywhere are others: headers of pages, dictionaries, texts."""
    dice = random.Random(seed)
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(dice.choice((1, 1, 2, 5))):
            changed[dice.randrange(len(changed))] = dice.randrange(256)
        yield bytes(changed)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("name", ["calls", "events", "sites"])
def test_no_bit_of_a_footer_and_no_byte_of_a_page_ends_the_process(
    name: str, tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    truth = build_session(tmp_path / "a.scope", events=200, segments=1)
    entry = listed(truth.path, name)
    data = (truth.path / entry.name).read_bytes()
    assert outcome(name, data, entry.rows) == "read"
    step, count = rounds(3, 1), rounds(1_000, 50_000)
    assert ended(name, footer_bits(data, step), entry.rows) == 0
    assert ended(name, any_bytes(data, count, seed=1), entry.rows) == 0


@pytest.mark.parametrize("name", STORED_SCHEMAS)
def test_whatever_the_writer_writes_has_the_shape(name: str) -> None:
    """Empty, one row, all null, and more than a row group has."""
    schema = SCHEMAS[name]
    for rows in (0, 1, 1_100_000 if name == "calls" else 5_000):
        table = schema.empty_table() if not rows else pa.table([pa.nulls(rows, f.type) for f in schema], schema=schema)
        assert len(parquet.decode(name, parquet.encode(name, table), rows)) == rows


def test_a_file_as_other_writers_write_it_is_read() -> None:
    """With everything that pyarrow puts into a file by itself: statistics, Arrow's schema, snappy."""
    sink = io.BytesIO()
    table = as_table("metrics", {"time_ns": [1, 2], "process_id": [1, 1], "name": ["a", "b"], "value": [0.5, None]})
    pq.write_table(table, sink)
    assert parquet.decode("metrics", pa.py_buffer(sink.getvalue()), 2).to_pylist() == table.to_pylist()


def local_header(name: bytes, size: int) -> bytes:
    return struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 0, 0, 0, 0, size, size, len(name), 0) + name


@pytest.mark.parametrize(
    "unit",
    [
        b"PK\3\4",
        local_header(b"manifest.json", 0),
        local_header(b"x" * 20, 0),
        local_header(b"cache/00000001.key", 1 << 30),
        local_header(b"segments/x", 0),
        b"".join(local_header(b"cache/%08d.key" % number, 0) for number in range(10_000)),
        bytes(MIB) + local_header(b"manifest.json", 0) * 10_000,
    ],
    ids=["magic alone", "empty manifests", "unknown names", "too long", "no name", "all different", "far behind"],
)
def test_64_mib_of_false_headers_end_in_a_second(unit: bytes, tmp_path: Path) -> None:
    file = tmp_path / "a.scope"
    file.write_bytes(unit * (64 * MIB // len(unit)))
    began = time.process_time()
    with pytest.raises(FormatError):
        Session.open(file)
    assert time.process_time() - began < 1


def test_members_of_the_smallest_session_are_bigger_than_those_that_are_given_up(tmp_path: Path) -> None:
    truth = build_session(tmp_path / "a.scope", events=30, segments=10)
    pack(truth.path)
    data = truth.path.read_bytes()
    assert data.count(b"PK\3\4") * 2 * packed._LEAST_MEMBER_BYTES < len(data)


def test_a_central_directory_of_false_entries_ends_too(tmp_path: Path) -> None:
    name = b"manifest.json"
    entry = (
        struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0) + name
    )
    body = entry * (16 * MIB // len(entry))
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(body), 0, 0)
    (tmp_path / "a.scope").write_bytes(body + end)
    began = time.process_time()
    with pytest.raises(FormatError):
        Session.open(tmp_path / "a.scope")
    assert time.process_time() - began < 2


def test_members_are_found_by_their_headers_when_the_directory_is_gone(tmp_path: Path) -> None:
    truth = build_session(tmp_path / "a.scope", events=2_000, segments=4)
    names = {name: size for name, size in Session.open(truth.path).names().items() if "journal" not in name}
    pack(truth.path)
    data = truth.path.read_bytes()
    truth.path.write_bytes(data[: data.rindex(b"PK\1\2")])
    found = PackedFiles(truth.path)
    assert found.sizes() == names
    found.close()
