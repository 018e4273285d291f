"""`scope-gui verify`: checks every byte of a session."""

from __future__ import annotations

import argparse

import msgspec

from capture.session.format import Counts, Problem
from capture.session.session import Session
from capture.session.verify import Report
from capture.session.verify import verify as verify_session
from capture.shown_text import one_line
from dags.analyses.cache_check import lying_caches
from scope_gui.blindness import dropped_line
from scope_gui.streams import print_json, reader_may_leave
from scope_gui.verbs.progress import Progress
from scope_gui.verbs.shared_flags import json_flag, session_flag


def flags(parser: argparse.ArgumentParser) -> None:
    """Which session."""
    session_flag(parser)
    json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
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


def _where(problem: Problem) -> str:
    return f"{problem.file}: " if problem.file else ""
