"""The verbs that look after sessions: verify, recover, index, pack."""

from __future__ import annotations

import argparse
import sys

import msgspec

from capture.errors import SessionProblem
from capture.own_folder import OwnFolder
from capture.session.caches import framed
from capture.session.folder import listed_files
from capture.session.format import Counts, Problem
from capture.session.pack import pack as pack_session
from capture.session.session import Session
from capture.session.verify import Report
from capture.session.verify import verify as verify_session
from capture.shown_text import one_line
from dags.analyses.cache_check import lying_caches
from dags.analyses.detail import rebuilt_detail, segment_detail
from dags.correlate.replay import rebuild
from scope_gui.blindness import dropped_line
from scope_gui.recording.recovery import recover as recover_session
from scope_gui.streams import print_json, reader_may_leave
from scope_gui.verbs.opened import opened, tell_problems
from scope_gui.verbs.progress import Progress


def verify(arguments: argparse.Namespace) -> int:
    """Checks every byte; 1 when something is lost."""
    with Session.open(arguments.session) as session:
        progress = Progress("checking", len(session.segments))
        report = verify_session(session, progress.step)
        lying = list(lying_caches(session))
        is_ok = report.ok and not any(problem.lost for problem in lying)
        report = msgspec.structs.replace(report, ok=is_ok, problems=[*report.problems, *lying])
    with reader_may_leave():
        if arguments.json:
            print_json(report)
        else:
            _print_report(report, session.manifest.counts)
    return 0 if report.ok else 1


def _print_report(report: Report, counts: Counts) -> None:
    rows = ", ".join(f"{name} {count}" for name, count in sorted(report.rows.items()))
    print(f"{report.files} files, {report.bytes} bytes, rows: {rows}")
    for problem in report.problems:
        print(one_line(f"{'lost' if problem.lost else 'note'}: {_where(problem)}{problem.what}"))
    gaps = report.rows.get("gaps", 0)
    if counts.dropped:
        print(f"note: {dropped_line(counts)}")
    if gaps:
        print(f"note: {gaps} gap{'s' if gaps > 1 else ''}: `scope-gui query` lists them (SELECT * FROM gaps).")
    if not report.ok:
        print("this session has lost something")
    else:
        print("nothing that was recorded is missing" if counts.dropped or gaps else "nothing is missing")


def recover(arguments: argparse.Namespace) -> int:
    """Finishes a session whose recorder was killed."""
    recovered = recover_session(arguments.session, _say)
    with opened(arguments.session) as session:
        figures = session.info()
    if arguments.json:
        print_json({**msgspec.structs.asdict(figures), "drained_events": recovered})
    else:
        print(
            f"{figures.state}: {figures.recorded} events recorded, {figures.dropped} dropped, "
            f"{figures.produced} produced; {recovered} of them were still in the target's memory"
        )
    return 0


def index(arguments: argparse.Namespace) -> int:
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
        progress = Progress("rebuilding the caches", len(session.keyframe_places()) + len(session.with_rows))
        with OwnFolder.open(session.path) as folder:
            folder.lock()
            folder.remove_unfinished()
            keyframes = details = 0
            for index, keyframe in rebuild(session):
                folder.replace(segments[index].keyframe_name, framed(keyframe))
                keyframes += 1
                progress.step()
            for index in session.with_rows:
                detail = rebuilt_detail(session, index)
                if detail is not None:
                    folder.replace(segments[index].detail_name, framed(detail))
                    details += 1
                progress.step()
        print(f"{keyframes} keyframes and {details} levels of detail written")
        if details < len(session.with_rows):
            print(f"{len(session.with_rows) - details} segments are damaged and got no level of detail")
    return 0


def pack(arguments: argparse.Namespace) -> int:
    """Turns a session folder into one file, with its caches: nobody can add them to a packed session later."""
    with Session.open(arguments.session) as session:
        progress = Progress("packing", len(session.with_rows) + len(listed_files(session.manifest)))
        if not session.live and session.path.is_dir():
            for index in session.with_rows:
                segment_detail(session, index)
                progress.step()
    packed = pack_session(arguments.session, arguments.output, each_file=progress.step)
    tell_problems(session)
    print(one_line(str(packed)))
    return 0


def _say(message: str) -> None:
    print(f"scope-gui: {one_line(message)}", file=sys.stderr)


def _where(problem: Problem) -> str:
    return f"{problem.file}: " if problem.file else ""
