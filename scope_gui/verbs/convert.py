"""`scope-gui convert`: a recording of another tool as a session, or a session as a file that another tool opens."""

from __future__ import annotations

import argparse
import gzip
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import IO, cast

from capture.disk import new_stream
from capture.errors import SessionProblem, WrongUsage
from capture.exporters import registry as exporters
from capture.exporters.registry import exporter_for, write_as
from capture.importers import registry as importers
from capture.importers.imported import BATCH_EVENTS
from capture.importers.registry import importer_of, read_as
from capture.shown_text import one_line
from capture.unseen import told_unseen
from dags.correlate.importing import write_session
from scope_gui.verbs.opened import opened
from scope_gui.verbs.progress import Progress

SUFFIX = ".scope"


def flags(parser: argparse.ArgumentParser) -> None:
    """What is made of what."""
    read = "; ".join(f"{row.says} ({', '.join(row.suffixes)})" for row in importers.IMPORTERS)
    written = "; ".join(f"{', '.join(row.suffixes)}: {row.says}" for row in exporters.EXPORTERS)
    parser.epilog = f"read, by what is in it: {read}\nwritten, by its name: {written}\n\n{parser.epilog}"
    parser.add_argument("source", type=Path, metavar="IN", help="a session, or a recording of another tool")
    parser.add_argument("target", type=Path, metavar="OUT", help=f"a new session, NAME{SUFFIX}, or a new file")


def run(arguments: argparse.Namespace) -> int:
    """Makes a session of a file, or a file of a session."""
    source, target = arguments.source, arguments.target
    if os.path.lexists(target):
        raise SessionProblem(f"{target} exists already.", "Choose another name.")
    if _is_session(source):
        _export(source, target)
    else:
        _import(source, target)
    return 0


def _is_session(path: Path) -> bool:
    """A folder, or a packed one: by what it is and, where it cannot be looked at, by its name."""
    try:
        with path.open("rb") as file:
            return file.read(2) == b"PK"
    except OSError:
        return path.is_dir() or path.suffix.lower() == SUFFIX


def _export(source: Path, target: Path) -> None:
    row = exporter_for(target)
    is_packed = target.suffix.lower() == ".gz"
    with (
        opened(source) as session,
        new_stream(target, what=f"the file {target}") as file,
        gzip.GzipFile("", "wb", 6, file, mtime=0) if is_packed else nullcontext(file) as stream,
    ):
        left_out = write_as(row, session, cast("IO[bytes]", stream))
    for what in left_out:
        print(f"scope-gui: left out, as such a file does not hold it: {one_line(what)}", file=sys.stderr)
    print(one_line(str(target)))


def _import(source: Path, target: Path) -> None:
    if target.suffix.lower() != SUFFIX:
        raise WrongUsage(f"{source} is no session, so {target} is to be one: its name has to end in {SUFFIX}.")
    imported = read_as(importer_of(source), source)
    progress = Progress("converting", max(1, -(-imported.events // BATCH_EVENTS)))
    write_session(imported, target, progress.step)
    for blindness in told_unseen(imported.unseen):
        print(f"scope-gui: {one_line(blindness.sentence)}", file=sys.stderr)
    print(one_line(f"{imported.events} events of {len(imported.tracks)} tracks are in {target}"))
