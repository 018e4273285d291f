"""The files for other tools that `scope-gui convert` makes of sessions, one row each.

To add one: a module `capture/exporters/NAME.py` with `write(session, file) -> what is left out`, and a row here. It is
chosen by the suffix of the file that is asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, NamedTuple

from capture.errors import WrongUsage
from capture.named import named
from capture.session.session import Session


class Exporter(NamedTuple):
    """One kind of file. `module` has `write(session, file) -> list[str]`: what of a session such a file cannot hold."""

    name: str
    says: str
    suffixes: tuple[str, ...]
    module: str


EXPORTERS: tuple[Exporter, ...] = (
    Exporter(
        "chrome-trace",
        "Chrome trace JSON for Perfetto, VizTracer and Chrome; .gz packs it",
        (".json", ".json.gz"),
        "capture.exporters.chrome_trace",
    ),
)


def exporter_for(path: Path) -> Exporter:
    """The row that writes files of that name. Raises: WrongUsage when none does."""
    name = path.name.lower()
    for row in EXPORTERS:
        if name.endswith(row.suffixes):
            return row
    known = "; ".join(f"{', '.join(row.suffixes)} ({row.says})" for row in EXPORTERS)
    raise WrongUsage(f"What {path} is to be is said by the end of its name; there are {known}.")


def write_as(row: Exporter, session: Session, file: IO[bytes]) -> list[str]:
    """Writes the session, and tells what is left out. Raises: as `Session` reads, and OSError."""
    left_out: list[str] = named(f"{row.module}:write")(session, file)
    return left_out
