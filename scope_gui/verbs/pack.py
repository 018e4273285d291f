"""`scope-gui pack`: turns a session folder into one file."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

from capture.session.folder import listed_files
from capture.session.pack import pack as pack_session
from capture.session.session import Session
from capture.shown_text import one_line
from dags.analyses.detail import has_file
from dags.analyses.segment_caches import SEGMENT_CACHES
from scope_gui.verbs.opened import tell_problems
from scope_gui.verbs.progress import Progress
from scope_gui.verbs.shared_flags import session_flag


def flags(parser: argparse.ArgumentParser) -> None:
    """Which session, and where to."""
    session_flag(parser)
    parser.add_argument("-o", "--output", type=Path, help="default: in place of the folder")


def run(arguments: argparse.Namespace) -> int:
    """Turns a session folder into one file, with its caches: nobody can add them to a packed session later."""
    with Session.open(arguments.session) as session:
        with_files = [index for index in session.with_rows if has_file(session.segments[index])]
        caches = len(SEGMENT_CACHES) * len(with_files)
        progress = Progress("packing", caches + len(listed_files(session.manifest)))
        if not session.live and session.path.is_dir():
            for row, index in itertools.product(SEGMENT_CACHES, with_files):
                row.function("read")(session, index)
                progress.step()
    packed = pack_session(arguments.session, arguments.output, each_file=progress.step)
    tell_problems(session)
    print(one_line(str(packed)))
    return 0
