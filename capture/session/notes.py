"""A person's notes and bookmarks, and where one left: kept apart from what was recorded, replaced whole or not at all.

In a session folder they are `notes.json`. A packed session is never rewritten for a note: then they lie beside it, as
`NAME.scope.notes.json`, and what the pack itself holds is read until there is such a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from capture.disk import replace_file
from capture.errors import FormatError, SessionProblem, TargetProblem
from capture.own_folder import write_through
from capture.session.files import NOTES
from capture.session.format import Problem
from capture.session.session import Session
from capture.typed import from_json

VERSION = 1
MAX_NOTES_BYTES = 16 << 20
MOST_NOTES = 10_000  # a million, which are 16 MiB, took a picture of the timeline more than a minute


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One note on a moment, or on a stretch if it has an end.

    Units: ns on the session clock.
    """

    time_ns: int
    text: str = ""
    end_ns: int | None = None
    author: str = ""


class _File(msgspec.Struct, frozen=True, kw_only=True):
    version: int = VERSION
    notes: Annotated[list[Note], msgspec.Meta(max_length=MOST_NOTES)] = []
    place: dict[str, Any] = {}


def read_notes(session: Session) -> list[Note]:
    """The notes of a session; none if there are none yet.

    Raises: FormatError when the file is there and cannot be understood; SessionProblem when it cannot be read.
    """
    return _kept(session).notes


def shown_notes(session: Session) -> list[Note]:
    """The notes of a session for who shows it; where they cannot be read there are none, and a problem says so.

    A session of which one byte of the notes is another did not open in the window, packed or not.
    """
    try:
        return read_notes(session)
    except SessionProblem as problem:
        session.reader.report(Problem(str(problem), file=NOTES))
        return []


def shown_place(session: Session) -> dict[str, Any]:
    """How a window that showed the session was left, in that window's own words; empty where nobody knows."""
    try:
        return _kept(session).place
    except SessionProblem:
        return {}


def write_notes(session_path: Path, notes: list[Note], place: Mapping[str, Any] | None = None) -> None:
    """Replaces the notes of a session; they survive a power loss once this returns.

    `place`: how the session is left, as JSON has it; None keeps the last one.

    Raises: TargetProblem when they cannot be written, or would take the place of some that nobody can read; the old
    ones are then as they were.
    """
    if not session_path.exists():  # else they would lie beside it, as those of a packed session do
        raise TargetProblem(f"{session_path} is gone, so its notes were not saved.")
    before = _unless_unread(notes_path(session_path))
    if len(notes) > MOST_NOTES:
        raise TargetProblem(f"{session_path} has {MOST_NOTES} notes, which is the most; one more was not saved.")
    kept = _File(notes=notes, place=before.place if place is None else dict(place))
    data = msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n"
    if len(data) > MAX_NOTES_BYTES:
        raise TargetProblem(f"The notes of {session_path} are longer than {MAX_NOTES_BYTES} bytes and were not saved.")
    if session_path.is_dir():
        write_through(session_path, NOTES, data, durable=True)
    else:
        replace_file(notes_path(session_path), data, durable=True)


def notes_path(session_path: Path) -> Path:
    """Where the notes of a session are written."""
    if session_path.is_dir():
        return session_path / NOTES
    return session_path.with_name(f"{session_path.name}.{NOTES}")


def _bytes_of(path: Path) -> bytes:
    """Raises: FormatError, FileNotFoundError."""
    try:
        if path.stat().st_size > MAX_NOTES_BYTES:
            raise FormatError(f"{path} is too long to be notes.")
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise FormatError(f"{path} cannot be read: {error.strerror}.") from error


def _kept(session: Session) -> _File:
    """What is kept of a session. Raises: FormatError, SessionProblem."""
    path = notes_path(session.path)
    try:
        is_beside = path.parent != session.path and path.is_file()
        return _file_in(_bytes_of(path) if is_beside else session.raw(NOTES, MAX_NOTES_BYTES), path)
    except FileNotFoundError:
        return _File()


def _file_in(data: bytes, path: Path) -> _File:
    """Raises: FormatError."""
    try:
        return from_json(data, _File)
    except msgspec.DecodeError as error:
        raise FormatError(f"The notes in {path} cannot be understood: {error}.", "Move the file away.") from error


def _unless_unread(path: Path) -> _File:
    """What is there. Raises: TargetProblem when nobody can read it: a person may yet repair it."""
    try:
        is_there = path.is_file() and not path.is_symlink()
        return _file_in(_bytes_of(path), path) if is_there else _File()
    except FormatError as problem:
        raise TargetProblem(f"New notes were not saved. {problem.message}", problem.remedy) from problem
