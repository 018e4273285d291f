"""Notes stay with their session, packed or not, and never touch what was recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.errors import FormatError
from capture.files import NOTES
from capture.notes import Note, notes_path, read_notes, write_notes
from capture.pack import pack
from capture.session import Session
from tests.sessions import build_session

LEAK = Note(time_ns=1_500, text="here it begins to leak", end_ns=2_000, author="Ada")


def test_notes_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = build_session(tmp_path / "a.scope", events=50).path
    with Session.open(path) as session:
        assert read_notes(session) == []
        write_notes(path, [LEAK, Note(time_ns=7)])
        assert read_notes(session) == [LEAK, Note(time_ns=7)]
        assert session.complete


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
    assert (path / NOTES).read_bytes() == data
