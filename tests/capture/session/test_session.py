"""Opening is cheap, refuses what is no session in one sentence, and trusts nothing that a file says."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.errors import FormatError, SessionProblem
from capture.events.batch import concat, make_batch
from capture.session import format as session_format
from capture.session import packed as packed_module
from capture.session.caches import write_cache
from capture.session.eventtable import event_table
from capture.session.format import MANIFEST, MANIFEST_COPY, checksum, decode_manifest, encode_manifest, version_text
from capture.session.pack import pack
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from scope_gui.blindness import last_words
from tests.sessions import SESSION_ID, Truth, build_session


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    return build_session(tmp_path / "a.scope", events=300)


def rewrite(path: Path, edit: dict[str, Any] | None = None, version: str = "1.0") -> None:
    """Puts a manifest with a right checksum in place, edited as a hostile hand would."""
    body = msgspec.json.decode((path / MANIFEST).read_bytes())["manifest"]
    body.update(edit or {})
    raw = msgspec.json.encode(body)
    digest = checksum(version.encode() + raw)
    (path / MANIFEST).write_bytes(
        b'{"scope":"%s","xxh3_64":"%s","manifest":%s}\n' % (version.encode(), digest.encode(), raw)
    )
    (path / MANIFEST_COPY).unlink(missing_ok=True)


def test_a_session_says_what_it_is(truth: Truth) -> None:
    with Session.open(truth.path) as session:
        info = session.info()
        told = (info.format_version, info.complete, info.state, info.session_id)
        assert told == (version_text(), True, "complete", SESSION_ID)
    assert (info.produced, info.recorded, info.dropped) == (312, 300, 12)
    assert info.duration_ns == int(truth.events.time_ns[-1])
    assert sum(info.kinds.values()) == 300
    assert (info.segments, info.processes, info.tracks, info.python, info.mode) == (4, 1, 3, "3.13.0", "full")
    assert info.size_bytes == sum(path.stat().st_size for path in truth.path.rglob("*") if path.is_file())
    assert info.problems == []


def test_a_session_whose_books_do_not_balance_is_not_called_complete(truth: Truth) -> None:
    """Events that were lost between the target and here were told by `verify` only."""
    rewrite(truth.path, {"counts": {"produced": 320, "recorded": 300, "dropped": 12, "late": 0}})
    sentence = "320 events were produced, but 300 recorded and 12 dropped: 8 were lost on the way."
    with Session.open(truth.path) as session:
        assert not session.complete
        assert [problem.what for problem in session.problems if problem.lost and not problem.file] == [sentence]
    assert sentence in last_words(truth.path)


def test_definitions_come_back_as_rows(truth: Truth) -> None:
    with Session.open(truth.path) as session:
        assert [site.function for site in session.sites()] == truth.tables["sites"]["function"].to_pylist()
        assert [track.name for track in session.tracks()] == ["orders.py", "worker-2", "worker-3"]
        assert session.processes()[0].start_ns == -5
        assert [(key.owner, key.key) for key in session.state_keys()] == [("orders", "stock")]


def test_opening_touches_the_manifest_only(truth: Truth) -> None:

    for path in [*truth.path.glob("segments/*"), *truth.path.glob("defs/*"), *truth.path.glob("cache/*")]:
        path.write_bytes(bytes(path.stat().st_size))  # as big as before, and all of it damaged
    with Session.open(truth.path) as session:
        assert session.problems == []
        assert session.info().recorded == 300
        assert len(session.events(0)) == 0
        assert [problem.file for problem in session.problems] == [session.segments[0].files[0].name]


def test_the_manifest_of_ten_thousand_segments_is_read_in_bounded_time_and_memory(tmp_path: Path) -> None:
    store = SegmentStore.create(tmp_path / "a.scope", {"session_id": SESSION_ID, "created_real_ns": 1}, sync=False)
    store._may_merge = False
    entry = store.seal(make_batch(1, np.arange(3), np.ones(3, np.uint8), np.ones(3, np.int32)))
    entries = [
        msgspec.structs.replace(entry, seq=n, first_event_id=3 * n - 2, start_ns=n, end_ns=n + 1, files=[])
        for n in range(1, 10_001)
    ]
    head = msgspec.structs.replace(store.head, start_ns=1, end_ns=10_001)
    data = encode_manifest(head, [msgspec.json.encode(entry) for entry in entries])
    manifest, problems = decode_manifest(data)
    assert (len(manifest.segments), problems, len(data) < 2_000_000) == (10_000, [], True)
    store.close()


@pytest.mark.parametrize("content", [None, b"", b"hello", b"PK\x05\x06" + bytes(18), b"\x00" * 5000])
def test_what_is_no_session_is_refused_in_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.scope"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(FormatError) as refused:
        Session.open(path)
    assert re.fullmatch(r"[^\n]*not a session[^\n]*\.", refused.value.message)


def test_a_missing_path_is_a_problem_of_the_world(tmp_path: Path) -> None:
    with pytest.raises(SessionProblem, match="No such file"):
        Session.open(tmp_path / "nowhere.scope")


def test_a_newer_minor_version_opens_with_a_warning_and_a_newer_major_not(truth: Truth) -> None:
    rewrite(truth.path, {"format": "1.7", "weather": {"sunny": True}}, "1.7")
    with Session.open(truth.path) as session:
        assert [problem.lost for problem in session.problems] == [False]
        assert "1.7" in session.problems[0].what
        assert session.complete
        assert len(session.events(0)) == 75
    rewrite(truth.path, {"format": "2.0"}, "2.0")
    with pytest.raises(FormatError, match=r"format 2\.0") as refused:
        Session.open(truth.path)
    assert refused.value.remedy == "Open it with a newer Scope."


@pytest.mark.parametrize(
    "edit",
    [
        {"segments": [{"seq": 1}]},
        {"segments": "none"},
        {"state": "dreaming"},
        {"end_ns": 1.5},
        {"end_ns": 2**63},
        {"end_ns": 12},
        {"about": {"session_id": 5, "created_real_ns": 1}},
        {"defs": [{"name": "../../etc/passwd", "bytes": 1, "rows": 1, "xxh3_64": "0" * 16}]},
        {"defs": [{"name": "defs/00000001.sites.parquet", "bytes": 1 << 60, "rows": 1, "xxh3_64": "0" * 16}]},
        {"defs": [{"name": "defs/00000001.sites.parquet", "bytes": 1, "rows": 1 << 60, "xxh3_64": "0" * 16}]},
        {"defs": [{"name": "defs/00000001.sites.parquet", "bytes": 1, "rows": 1, "xxh3_64": "0" * 16}] * 2},
        {"kinds": {"call": -1}},
        {"kinds": {f"kind {number}": 1 for number in range(4097)}},
        {"segments": [[]] * 100_000},
    ],
)
def test_a_hostile_manifest_gives_one_typed_error(truth: Truth, edit: dict[str, Any]) -> None:
    rewrite(truth.path, edit)
    with pytest.raises(FormatError):
        Session.open(truth.path)


def test_deep_nesting_in_a_manifest_is_refused(truth: Truth) -> None:
    raw = b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    data = b'{"scope":"1.0","xxh3_64":"%s","manifest":%s}\n' % (checksum(b"1.0" + raw).encode(), raw)
    with pytest.raises(FormatError):
        decode_manifest(data)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_manifest_or_a_format_error(data: bytes) -> None:
    for candidate in (
        data,
        b'{"scope":"1.0","xxh3_64":"%s","manifest":%s}\n' % (checksum(b"1.0" + data).encode(), data),
    ):
        with pytest.raises(FormatError):
            decode_manifest(candidate)


def test_links_and_pipes_are_not_followed(truth: Truth, tmp_path: Path) -> None:
    with Session.open(truth.path) as session:
        names = [entry.name for segment in session.segments for entry in segment.files if entry.table == "events"]
    secret = tmp_path / "secret"
    shutil.copy(truth.path / names[0], secret)
    (truth.path / names[0]).unlink()
    (truth.path / names[0]).symlink_to(secret)
    (truth.path / names[1]).unlink()
    os.mkfifo(truth.path / names[1])
    with Session.open(truth.path) as session:
        assert [len(session.events(index)) for index in range(4)] == [0, 0, 75, 75]
        assert {problem.file for problem in session.problems if problem.lost} == set(names[:2])


def test_a_folder_that_is_a_link_is_not_followed(truth: Truth, tmp_path: Path) -> None:
    (truth.path / "segments").rename(tmp_path / "elsewhere")
    (truth.path / "segments").symlink_to(tmp_path / "elsewhere")
    with Session.open(truth.path) as session:
        assert len(session.events(0)) == 0
        assert session.problems


def test_a_table_that_claims_too_much_is_refused_before_it_is_decoded(truth: Truth) -> None:
    with Session.open(truth.path) as session:
        entry = session.segments[0].files[0]
    table = event_table(
        make_batch(1, np.zeros(100_000, np.int64), np.ones(100_000, np.uint8), np.ones(100_000, np.int32))
    )
    for found in (table, table.slice(0, 75).drop_columns(["kind"]).append_column("kind", pa.array([1.5] * 75)), None):
        if found is None:
            (truth.path / entry.name).write_bytes(b"PAR1" + struct.pack("<I", 1 << 30) * 20 + b"PAR1")
        else:
            pq.write_table(found, truth.path / entry.name)
        data = (truth.path / entry.name).read_bytes()
        body = msgspec.json.decode((truth.path / MANIFEST).read_bytes())["manifest"]
        body["segments"][0]["files"][0].update(bytes=len(data), xxh3_64=checksum(data))
        rewrite(truth.path, body)
        with Session.open(truth.path) as session:
            assert len(session.events(0)) == 0
            assert [problem.lost for problem in session.problems] == [True]


def test_extra_columns_and_tables_of_a_newer_writer_are_ignored(truth: Truth) -> None:
    with Session.open(truth.path) as session:
        entry = session.segments[0].files[0]
    path = truth.path / entry.name
    narrow = pq.read_table(path)
    assert "flags" not in narrow.column_names  # nor does a file of ours say what it says of no event
    pq.write_table(narrow.append_column("mood", pa.array(["good"] * entry.rows)), path)
    data = path.read_bytes()
    body = msgspec.json.decode((truth.path / MANIFEST).read_bytes())["manifest"]
    body["segments"][0]["files"][0].update(bytes=len(data), xxh3_64=checksum(data))
    name = "segments/00000001.dreams.parquet"
    (truth.path / name).write_bytes(b"?")
    body["segments"][0]["files"].append({"name": name, "bytes": 1, "rows": 1, "xxh3_64": checksum(b"?")})
    rewrite(truth.path, body)
    with Session.open(truth.path) as session:
        expected = truth.events.slice(0, 75)
        assert event_table(session.events(0)).equals(event_table(expected))
        assert session.table("events").count_rows() == 300
        assert session.problems == []


def test_a_session_that_grows_can_be_followed(tmp_path: Path) -> None:
    truth = build_session(tmp_path / "a.scope", events=300, finish=False)
    store = SegmentStore.reopen(truth.path, sync=False)
    with Session.open(truth.path) as session:
        assert (session.live, session.complete) == (True, False)
        first = session.events(0)
        store.finish()
        assert session.refresh()
        assert (session.live, session.complete) == (False, True)
        everything = concat([session.events(index) for index in range(len(session.segments))])
        assert event_table(everything).equals(event_table(truth.events))
        assert event_table(first).equals(event_table(truth.events.slice(0, len(first))))


def test_a_session_packed_in_place_while_it_is_open_stays_readable(truth: Truth) -> None:
    with Session.open(truth.path) as session:
        pack(truth.path)
        assert truth.path.is_file()
        assert session.refresh()
        assert len(session.events(3)) == 75
        assert session.problems == []


def test_a_damaged_manifest_is_replaced_by_its_copy(truth: Truth) -> None:
    (truth.path / MANIFEST).write_bytes(b"{}")
    with Session.open(truth.path) as session:
        assert [problem.file for problem in session.problems] == [MANIFEST]
        assert len(session.events(3)) == 75
    (truth.path / MANIFEST_COPY).write_bytes(b"{}")
    with pytest.raises(FormatError, match="damaged"):
        Session.open(truth.path)


def test_a_deleted_or_damaged_keyframe_is_none_and_no_problem(truth: Truth) -> None:
    with Session.open(truth.path) as session:
        (truth.path / session.segments[0].keyframe_name).unlink()
        (truth.path / session.segments[1].keyframe_name).write_bytes(b"12345678changed")
        assert [session.keyframe(index) for index in range(3)] == [None, None, b"state before segment 2"]
        write_cache(truth.path, session.segments[0].keyframe_name, b"made anew")
        assert session.keyframe(0) == b"made anew"
        assert session.problems == []


def test_reading_a_session_loads_no_duckdb(truth: Truth) -> None:
    code = (
        "import sys; from capture.session.session import Session\n"
        "Session.open(sys.argv[1]).events(0); print('duckdb' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, truth.path], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "False\n"


def test_a_zip_with_names_of_its_own_is_no_way_out(tmp_path: Path) -> None:
    path = tmp_path / "evil.scope"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../manifest.json", b"{}")
        archive.writestr("/etc/passwd", b"root")
    with pytest.raises(FormatError, match="not a session"):
        Session.open(path)


def test_limits_hold_for_what_the_format_says_itself() -> None:
    assert packed_module.MAX_MEMBERS >= session_format.MAX_SEGMENTS
    assert session_format.MAX_FILE_BYTES < 1 << 32
