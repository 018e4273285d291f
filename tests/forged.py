"""Sessions made by somebody who means harm: files of any content, listed with the right size and checksum."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from capture.session.format import FileEntry, Manifest, ManifestHead, checksum, decode_manifest, encode_manifest


def forge(session: Path, name: str, data: bytes, rows: int | None = None) -> None:
    """The listed file of that name holds `data`, and the manifest says so; one that is not listed is added to defs."""
    (session / name).write_bytes(data)

    def entry(old: FileEntry) -> FileEntry:
        return forged_entry(name, data, old.rows if rows is None else rows) if old.name == name else old

    manifest = read_manifest(session)
    defs = [entry(one) for one in manifest.defs]
    segments = [
        msgspec.structs.replace(part, files=[entry(one) for one in part.files], events=_events(part, name, rows))
        for part in manifest.segments
    ]
    if not any(one.name == name for one in (*defs, *(one for part in segments for one in part.files))):
        defs.append(forged_entry(name, data, rows or 0))
    write_manifest(session, defs=defs, segments=segments)


def forged_entry(name: str, data: bytes, rows: int) -> FileEntry:
    """What a manifest says about such a file."""
    return FileEntry(name, len(data), rows, checksum(data))


def read_manifest(session: Path) -> Manifest:
    """The manifest of a session."""
    return decode_manifest((session / "manifest.json").read_bytes())[0]


def write_manifest(session: Path, **changed: Any) -> None:
    """The manifest and its copy, with other values of these fields."""
    manifest = msgspec.structs.replace(read_manifest(session), **changed)
    fields = {name: getattr(manifest, name) for name in ManifestHead.__struct_fields__}
    data = encode_manifest(ManifestHead(**fields), [msgspec.json.encode(part) for part in manifest.segments])
    for name in ("manifest.json", "manifest.bak"):
        (session / name).write_bytes(data)


def listed(session: Path, table: str) -> FileEntry:
    """The first listed file of a table."""
    manifest = read_manifest(session)
    every = (*manifest.defs, *(one for part in manifest.segments for one in part.files))
    return next(one for one in every if one.table == table)


def rewrite(session: Path, table: str, change: Callable[[Any], bytes]) -> None:
    """Replaces every file of a table by what `change` makes of its rows, an Arrow table."""
    import io  # noqa: PLC0415

    import pyarrow.parquet as pq  # noqa: PLC0415

    manifest = read_manifest(session)
    every = [*manifest.defs, *(one for part in manifest.segments for one in part.files)]
    for one in every:
        if one.table == table:
            forge(session, one.name, change(pq.read_table(io.BytesIO((session / one.name).read_bytes()))))


def _events(part: Any, name: str, rows: int | None) -> int:
    is_of_part = any(one.name == name and one.table == "events" for one in part.files)
    return rows if rows is not None and is_of_part else part.events
