"""A person's notes and bookmarks: kept apart from what was recorded, replaced whole or not at all.

In a session folder they are `notes.json`. A packed session is never rewritten for a note: then they lie beside it, as
`NAME.scope.notes.json`, and what the pack itself holds is read until there is such a file.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from capture.disk import replace_file
from capture.errors import FormatError, TargetProblem
from capture.files import NOTES
from capture.own_folder import write_through
from capture.session import Session
from capture.typed import from_json

VERSION = 1
MAX_NOTES_BYTES = 16 << 20


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
    notes: list[Note] = []


def read_notes(session: Session) -> list[Note]:
    """The notes of a session; none if there are none yet.

    Raises: FormatError when the file is there and cannot be understood; SessionProblem when it cannot be read.
    """
    path = notes_path(session.path)
    try:
        if path.parent != session.path and path.is_file():
            if path.stat().st_size > MAX_NOTES_BYTES:
                raise FormatError(f"{path} is too long to be notes.")
            data = path.read_bytes()
        else:
            data = session.raw(NOTES)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FormatError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        return from_json(data, _File).notes
    except msgspec.DecodeError as error:
        raise FormatError(f"The notes in {path} cannot be understood: {error}.", "Move the file away.") from error


def write_notes(session_path: Path, notes: list[Note]) -> None:
    """Replaces the notes of a session; they survive a power loss once this returns.

    Raises: TargetProblem when they cannot be written; the old ones are then as they were.
    """
    data = msgspec.json.format(msgspec.json.encode(_File(notes=notes)), indent=1) + b"\n"
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
