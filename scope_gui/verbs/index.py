"""`scope-gui index`: rebuilds the caches of a session."""

from __future__ import annotations

import argparse
import itertools

from capture.errors import SessionProblem
from capture.own_folder import OwnFolder
from capture.session.caches import framed
from dags.analyses.detail import has_file
from dags.analyses.segment_caches import SEGMENT_CACHES
from dags.correlate.replay import rebuild
from scope_gui.verbs.opened import opened
from scope_gui.verbs.progress import Progress
from scope_gui.verbs.shared_flags import session_flag


def flags(parser: argparse.ArgumentParser) -> None:
    """Which session."""
    session_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Rebuilds all caches, whatever is there now."""
    with opened(arguments.session) as session:
        if session.live:
            raise SessionProblem(
                f"{session.path} is not finished, and until then its caches belong to its recorder.",
                f"`scope-gui stop {session.path}` ends the recording, `scope-gui recover` one that was killed.",
            )
        segments = session.segments
        if not session.path.is_dir():
            raise SessionProblem(f"{session.path} is packed, and a packed session is not written to.")
        with_files = [index for index in session.with_rows if has_file(segments[index])]
        places = len(session.keyframe_places())
        progress = Progress("rebuilding the caches", places + len(SEGMENT_CACHES) * len(with_files))
        written = dict.fromkeys(SEGMENT_CACHES, 0)
        with OwnFolder.open(session.path) as folder:
            folder.lock()
            folder.remove_unfinished()
            for index, keyframe in rebuild(session):
                folder.replace(segments[index].keyframe_name, framed(keyframe))
                progress.step()
            for index in session.with_rows:
                if not has_file(segments[index]):
                    for row in SEGMENT_CACHES:
                        folder.remove(row.file(segments[index]))
            for row, index in itertools.product(SEGMENT_CACHES, with_files):
                made = row.function("rebuilt")(session, index)
                if made is not None:
                    folder.replace(row.file(segments[index]), framed(made))
                    written[row] += 1
                progress.step()
        print(", ".join([f"{places} keyframes", *(f"{n} {row.many}" for row, n in written.items())]) + " written")
        for row, count in written.items():
            if count < len(with_files):
                print(f"{len(with_files) - count} segments are damaged and got no {row.says}")
    return 0
