"""`scope-gui index`: rebuilds the caches of a session."""

from __future__ import annotations

import argparse

from capture.errors import SessionProblem
from capture.own_folder import OwnFolder
from capture.session.caches import framed
from dags.analyses.detail import has_file, rebuilt_detail
from dags.correlate.replay import rebuild
from scope_gui.verbs.opened import opened
from scope_gui.verbs.progress import Progress
from scope_gui.verbs.shared_flags import session_flag


def flags(parser: argparse.ArgumentParser) -> None:
    """Which session."""
    session_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Rebuilds keyframes and level of detail, whatever is there now."""
    with opened(arguments.session) as session:
        if session.live:
            raise SessionProblem(
                f"{session.path} is not finished, and until then its caches belong to its recorder.",
                f"`scope-gui stop {session.path}` ends the recording, `scope-gui recover` one that was killed.",
            )
        segments = session.segments
        if not session.path.is_dir():
            raise SessionProblem(f"{session.path} is packed, and a packed session is not written to.")
        with_details = [index for index in session.with_rows if has_file(segments[index])]
        progress = Progress("rebuilding the caches", len(session.keyframe_places()) + len(with_details))
        with OwnFolder.open(session.path) as folder:
            folder.lock()
            folder.remove_unfinished()
            keyframes = details = 0
            for index, keyframe in rebuild(session):
                folder.replace(segments[index].keyframe_name, framed(keyframe))
                keyframes += 1
                progress.step()
            for index in session.with_rows:
                if not has_file(segments[index]):
                    folder.remove(segments[index].detail_name)
            for index in with_details:
                detail = rebuilt_detail(session, index)
                if detail is not None:
                    folder.replace(segments[index].detail_name, framed(detail))
                    details += 1
                progress.step()
        print(f"{keyframes} keyframes and {details} levels of detail written")
        if details < len(with_details):
            print(f"{len(with_details) - details} segments are damaged and got no level of detail")
    return 0
