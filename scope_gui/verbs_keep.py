"""The verbs that look after sessions: verify, recover, index, pack."""

from __future__ import annotations

import argparse
import sys

import msgspec

from capture.format import Problem
from capture.pack import pack as pack_session
from capture.session import Session
from capture.store import write_keyframe
from capture.verify import verify as verify_session
from dags.keyframe import rebuild
from scope_gui.recovery import recover as recover_session


def verify(arguments: argparse.Namespace) -> int:
    """Checks every byte; 1 when something is lost."""
    with Session.open(arguments.session) as session:
        report = verify_session(session)
    if arguments.json:
        print(msgspec.json.encode(report).decode())
    else:
        rows = ", ".join(f"{name} {count}" for name, count in sorted(report.rows.items()))
        print(f"{report.files} files, {report.bytes} bytes, rows: {rows}")
        for problem in report.problems:
            print(f"{'lost' if problem.lost else 'note'}: {_where(problem)}{problem.what}")
        print("nothing is missing" if report.ok else "this session has lost something")
    return 0 if report.ok else 1


def recover(arguments: argparse.Namespace) -> int:
    """Finishes a session whose recorder was killed."""
    recovered = recover_session(arguments.session, lambda message: print(f"scope-gui: {message}", file=sys.stderr))
    with Session.open(arguments.session) as session:
        figures = session.info()
    if arguments.json:
        print(msgspec.json.encode({**msgspec.structs.asdict(figures), "drained_events": recovered}).decode())
    else:
        print(
            f"{figures.state}: {figures.recorded} events recorded, {figures.dropped} dropped, "
            f"{figures.produced} produced; {recovered} of them were still in the target's memory"
        )
    return 0


def index(arguments: argparse.Namespace) -> int:
    """Rebuilds the keyframes."""
    with Session.open(arguments.session) as session:
        for index, keyframe in rebuild(session):
            write_keyframe(arguments.session, session.segments[index], keyframe)
        print(f"{len(session.segments)} keyframes written")
    return 0


def pack(arguments: argparse.Namespace) -> int:
    """Turns a session folder into one file."""
    print(pack_session(arguments.session, arguments.output))
    return 0


def _where(problem: Problem) -> str:
    return f"{problem.file}: " if problem.file else ""
