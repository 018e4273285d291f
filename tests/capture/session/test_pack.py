"""A packed session is one plain zip file that says the same as its directory."""

from __future__ import annotations

import errno
import fcntl
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from capture.errors import FormatError, SessionProblem, TargetProblem
from capture.own_folder import OwnFolder
from capture.session import pack as pack_module
from capture.session.caches import unframed, write_cache
from capture.session.eventtable import event_table
from capture.session.format import MANIFEST, MANIFEST_COPY
from capture.session.pack import pack
from capture.session.query import query
from capture.session.session import Session
from tests.sessions import Truth, build_session


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    return build_session(tmp_path / "a.scope", events=300)


def content(path: Path) -> list[Any]:
    with Session.open(path) as session:
        assert session.problems == []
        assert session.complete
        tables = ("events", "calls", "states", "metrics", "edges", "gaps", "sites", "tracks", "processes")
        rows = [query(session, f"SELECT * FROM {name}").to_pylist() for name in tables]
        events = [event_table(session.events(i)).to_pylist() for i in range(len(session.segments))]
        return [rows, events, [session.keyframe(i) for i in range(len(session.segments))], session.manifest]


def test_a_packed_session_says_the_same_as_its_directory(truth: Truth) -> None:
    expected = content(truth.path)
    target = pack(truth.path, truth.path.with_name("b.scope"))
    assert content(target) == expected
    assert content(truth.path) == expected
    assert target.stat().st_mode & 0o777 == 0o600


def test_packing_in_place_leaves_one_file_and_nothing_else(truth: Truth, tmp_path: Path) -> None:
    expected = content(truth.path)
    assert pack(truth.path) == truth.path
    assert [path.name for path in tmp_path.iterdir()] == ["a.scope"]
    assert content(truth.path) == expected


def test_any_zip_tool_reads_it_and_finds_nothing_compressed(truth: Truth) -> None:
    with zipfile.ZipFile(pack(truth.path)) as archive:
        assert archive.testzip() is None
        members = archive.infolist()
    assert {member.compress_type for member in members} == {zipfile.ZIP_STORED}
    assert (members[0].filename, members[-1].filename) == (MANIFEST, MANIFEST_COPY)


def test_the_same_session_packs_to_the_same_bytes(truth: Truth) -> None:
    first = pack(truth.path, truth.path.with_name("b.scope")).read_bytes()
    assert pack(truth.path, truth.path.with_name("c.scope")).read_bytes() == first


def test_keyframes_are_caches_and_may_stay_behind(truth: Truth) -> None:
    target = pack(truth.path, truth.path.with_name("b.scope"), caches=False)
    with Session.open(target) as session:
        assert session.keyframe(0) is None
        assert not [name for name in session.names() if name.startswith("cache/")]
        assert session.complete


def test_sound_caches_travel_along_and_damaged_ones_stay_behind(truth: Truth) -> None:
    with Session.open(truth.path) as session:
        segments = list(session.segments)
    for segment in segments:
        write_cache(truth.path, segment.detail_name, b"detail of %d" % segment.seq)
    (truth.path / segments[0].detail_name).write_bytes(b"cut")
    (truth.path / segments[1].keyframe_name).write_bytes(b"12345678changed")
    with Session.open(pack(truth.path, truth.path.with_name("b.scope"))) as packed:
        names = packed.names()
        assert {segment.detail_name in names for segment in segments[1:]} == {True}
        assert segments[0].detail_name not in names
        assert segments[1].keyframe_name not in names
        assert unframed(packed.raw(segments[1].detail_name)) == b"detail of %d" % segments[1].seq
        assert packed.problems == []


def test_notes_travel_along(truth: Truth) -> None:
    (truth.path / "notes.json").write_text('{"notes": []}')
    with Session.open(pack(truth.path)) as session:
        assert session.raw("notes.json") == b'{"notes": []}'


def test_what_is_unfinished_damaged_or_in_the_way_is_refused_and_untouched(truth: Truth, tmp_path: Path) -> None:
    unfinished = build_session(tmp_path / "live.scope", finish=False)
    with pytest.raises(SessionProblem, match="not finished"):
        pack(unfinished.path)
    taken = tmp_path / "taken.scope"
    taken.write_text("mine")
    with pytest.raises(SessionProblem, match="exists already"):
        pack(truth.path, taken)
    with pytest.raises(SessionProblem, match="not a session directory"):
        pack(taken)
    (path,) = (truth.path / "segments").glob("00000001.events.parquet")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FormatError, match=r"00000001\.events\.parquet"):
        pack(truth.path)
    assert taken.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.scope", "live.scope", "taken.scope"]


def test_nothing_is_replaced_that_has_the_name_by_the_time_that_the_file_is_finished(
    truth: Truth, tmp_path: Path
) -> None:
    """A link that leads nowhere is somebody's, too: a disk that is not there at the moment."""

    def put(path: Path) -> None:
        path.write_text("mine")

    link, taken = tmp_path / "link.scope", tmp_path / "taken.scope"
    link.symlink_to(tmp_path / "unmounted" / "a.scope")
    with pytest.raises(SessionProblem, match="exists already"):
        pack(truth.path, link)
    with pytest.raises(SessionProblem, match="exists already"):
        pack(truth.path, taken, each_file=lambda: put(taken))
    assert link.is_symlink()
    assert taken.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.scope", "link.scope", "taken.scope"]


def test_a_file_that_has_to_stay_does_not_undo_a_pack(truth: Truth, monkeypatch: pytest.MonkeyPatch) -> None:
    """An immutable one, or one that something is mounted over: the packed file was in place, and said to be not."""
    expected, remove = content(truth.path), OwnFolder.remove

    def remove_what_goes(folder: OwnFolder, name: str) -> None:
        if name.endswith(".events.parquet"):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        remove(folder, name)

    monkeypatch.setattr(OwnFolder, "remove", remove_what_goes)
    assert pack(truth.path) == truth.path
    assert content(truth.path) == expected
    [left] = truth.path.parent.glob("a.scope.*.new/segments")
    assert {path.name.partition(".")[2] for path in left.iterdir()} == {"events.parquet"}


def test_a_full_disk_leaves_the_directory_as_it_was(truth: Truth, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pack_module, "_add", full)
    with pytest.raises(TargetProblem, match="disk is full"):
        pack(truth.path)
    assert [path.name for path in truth.path.parent.iterdir()] == ["a.scope"]
    assert content(truth.path)


def test_what_killed_packs_have_left_goes_with_the_next_one(truth: Truth, tmp_path: Path) -> None:
    half, written = (truth.path.with_name(f"{truth.path.name}.{pid}.new") for pid in (4711, 4712))
    half.write_bytes(b"PK")
    with written.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        pack(truth.path, tmp_path / "elsewhere.scope")
        assert half.exists(), "it is not of this place"
        pack(truth.path)
        assert (half.exists(), written.exists()) == (False, True), "somebody still writes the other one"


@pytest.mark.parametrize("is_same", [True, False])
def test_a_folder_whose_place_the_file_has_taken_goes_when_it_is_packed_again(
    truth: Truth, tmp_path: Path, *, is_same: bool
) -> None:
    """The pack was killed when all that was left to do was to delete it. A folder of another session is left alone."""
    left = truth.path.with_name(f"{truth.path.name}.4711.new")
    if is_same:
        shutil.copytree(truth.path, left)
    else:
        build_session(left, segments=2)
    pack(truth.path)
    if is_same:
        assert pack(truth.path) == truth.path
    else:
        with pytest.raises(SessionProblem, match="packed already"):
            pack(truth.path)
    assert left.exists() != is_same


def test_who_waited_for_a_pack_is_told_that_the_folder_is_gone(truth: Truth) -> None:
    with OwnFolder.open(truth.path) as folder:
        pack(truth.path)
        with pytest.raises(SessionProblem, match="was packed, moved or deleted by another process meanwhile"):
            folder.lock()
