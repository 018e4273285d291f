"""Notes stay with their session, packed or not, and never touch what was recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.errors import FormatError, TargetProblem
from capture.session.files import NOTES
from capture.session.notes import (
    MAX_NOTES_BYTES,
    MOST_NOTES,
    Note,
    notes_path,
    read_notes,
    shown_notes,
    shown_place,
    write_notes,
)
from capture.session.pack import pack
from capture.session.session import Session
from tests.damaged import flip_bit
from tests.scope_command import query, scope
from tests.sessions import build_session

LEAK = Note(time_ns=1_500, text="here it begins to leak", end_ns=2_000, author="Ada")


def test_notes_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = build_session(tmp_path / "a.scope", events=50).path
    with Session.open(path) as session:
        assert read_notes(session) == []
        write_notes(path, [LEAK, Note(time_ns=7)])
        assert read_notes(session) == [LEAK, Note(time_ns=7)]
        assert session.complete


def test_where_one_left_is_kept_beside_the_notes(tmp_path: Path) -> None:
    path = build_session(tmp_path / "a.scope", events=50).path
    with Session.open(path) as session:
        assert shown_place(session) == {}
        write_notes(path, [LEAK], {"cursor_ns": 7})
        write_notes(path, [])
        assert (read_notes(session), shown_place(session)) == ([], {"cursor_ns": 7})
        write_notes(path, [LEAK], {})
        assert (read_notes(session), shown_place(session)) == ([LEAK], {})
        notes_path(path).write_bytes(b"{")
        assert shown_place(session) == {}


def test_a_packed_session_keeps_its_bytes_and_takes_its_notes_along(tmp_path: Path) -> None:
    folder = build_session(tmp_path / "a.scope", events=50).path
    write_notes(folder, [LEAK])
    packed = tmp_path / "b.scope"
    pack(folder, packed)
    before = packed.read_bytes()
    with Session.open(packed) as session:
        assert read_notes(session) == [LEAK]
        write_notes(packed, [])
        assert read_notes(session) == []
    assert packed.read_bytes() == before
    assert notes_path(packed) == tmp_path / "b.scope.notes.json"


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"notes": [{}]}', b'{"notes": [{"time_ns": "x"}]}', b"\xff"])
def test_what_is_no_notes_file_is_one_sentence_and_stays_as_it_is(tmp_path: Path, data: bytes) -> None:
    path = build_session(tmp_path / "a.scope", events=50).path
    (path / NOTES).write_bytes(data)
    with Session.open(path) as session, pytest.raises(FormatError, match=r"notes\.json"):
        read_notes(session)
    with pytest.raises(TargetProblem, match=r"New notes were not saved\. .*notes\.json .* Move the file away\."):
        write_notes(path, [LEAK])
    assert (path / NOTES).read_bytes() == data


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "packed"])
def test_damaged_notes_cost_themselves_and_are_told(packed: bool, tmp_path: Path) -> None:
    """A session did not open in the window for one byte of its notes, and `verify` said that nothing was missing."""
    path = build_session(tmp_path / "a.scope", events=50).path
    write_notes(path, [LEAK])
    flip_bit(path / NOTES, 0.1)
    if packed:
        pack(path)
    with Session.open(path) as session:
        assert shown_notes(session) == []
        assert not session.complete
    assert "notes.json cannot be understood" in scope("verify", path, expect=1).stdout
    assert len(query(path, "SELECT * FROM events")) == 50
    done = scope("export", path, "--at", "50%", "-o", tmp_path / "a.png")
    assert "notes.json cannot be understood" in done.stderr
    assert (tmp_path / "a.png").stat().st_size > 1_000


@pytest.mark.parametrize("off", [-1, 0, 1])
def test_a_person_may_have_so_many_notes_and_a_file_of_more_is_none(off: int, tmp_path: Path) -> None:
    """A packed file of 400 MiB of notes took more than 4 GiB to open, and a million of them no end."""
    path = build_session(tmp_path / "a.scope", events=50).path
    notes = [Note(time_ns=at) for at in range(MOST_NOTES + off)]
    if off > 0:
        with pytest.raises(TargetProblem, match="10000 notes"):
            write_notes(path, notes)
        (path / NOTES).write_bytes(b'{"notes":[' + b",".join([b'{"time_ns":1}'] * len(notes)) + b"]}")
    else:
        write_notes(path, notes)
    with Session.open(path) as session:
        assert shown_notes(session) == ([] if off > 0 else notes)
        assert session.complete == (off <= 0)


def test_a_member_of_a_pack_that_is_too_long_for_notes_is_not_read(tmp_path: Path) -> None:
    path = build_session(tmp_path / "a.scope", events=50).path
    (path / NOTES).write_bytes(b" " * (MAX_NOTES_BYTES + 1))
    pack(path)
    with Session.open(path) as session, pytest.raises(FormatError, match="more than it may have"):
        read_notes(session)
