"""The files of other tools that `scope-gui convert` makes sessions of, one row each.

To add one: a module `capture/importers/NAME.py` with `sniff(head)` and `read(path) -> Imported`, and a row here. It is
known by the first bytes of a file, whatever that is called. Whatever the source could not tell, `Imported.unseen` says.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import NamedTuple

from capture.errors import SessionProblem
from capture.importers.imported import Imported
from capture.named import named

HEAD_BYTES = 1 << 16
GZIP, ZIP = b"\x1f\x8b", b"PK"


class Importer(NamedTuple):
    """One kind of file. `module` has `sniff(head: bytes) -> bool`, of a file unpacked, and `read(path) -> Imported`."""

    name: str
    says: str
    suffixes: tuple[str, ...]
    module: str


IMPORTERS: tuple[Importer, ...] = (
    Importer(
        "chrome-trace",
        "Chrome trace JSON, as VizTracer, Perfetto and Chrome write it, also gzipped",
        (".json", ".json.gz"),
        "capture.importers.chrome_trace",
    ),
)


def importer_of(path: Path) -> Importer:
    """The row for what is in a file.

    Raises: SessionProblem with a sentence when it cannot be read, or nobody knows what it is.
    """
    head = _head(path)
    for row in IMPORTERS:
        if named(f"{row.module}:sniff")(head):
            return row
    known = "; ".join(f"{row.says} ({', '.join(row.suffixes)})" for row in IMPORTERS)
    raise SessionProblem(f"Nobody here knows what {path} is.", f"What can be read: {known}.")


def is_foreign(path: Path) -> bool:
    """Whether a file is a recording of another tool: none of ours, and somebody here knows what it is."""
    try:
        head = b"" if path.is_dir() else _head(path)
    except SessionProblem:
        return False
    return bool(head) and not head.startswith(ZIP) and any(named(f"{row.module}:sniff")(head) for row in IMPORTERS)


def suffixes() -> tuple[str, ...]:
    """What the names of such files end in."""
    return tuple(sorted({suffix for row in IMPORTERS for suffix in row.suffixes}))


def read_as(row: Importer, path: Path) -> Imported:
    """What is in the file. Raises: SessionProblem, with one sentence."""
    imported: Imported = named(f"{row.module}:read")(path)
    return imported


def _head(path: Path) -> bytes:
    """The first bytes, unpacked where they are gzip's; as many as can be had."""
    try:
        with path.open("rb") as file:
            packed = file.read(HEAD_BYTES)
        if not packed.startswith(GZIP):
            return packed
        with gzip.open(path) as unpacked:
            return unpacked.read(HEAD_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SessionProblem(f"{path} begins as a gzip file does, and is none: {error}.") from error
    except OSError as error:
        raise SessionProblem(f"{path} cannot be read: {error.strerror or error}.") from error
