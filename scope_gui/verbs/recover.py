"""`scope-gui recover`: finishes a session whose recorder was killed."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from scope_gui.recording.recovery import recover as recover_session
from scope_gui.streams import print_json, say
from scope_gui.verbs.opened import opened
from scope_gui.verbs.shared_flags import json_flag


def flags(parser: argparse.ArgumentParser) -> None:
    """Which session."""
    parser.add_argument("session", type=Path, metavar="DIR")
    json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Finishes a session whose recorder was killed."""
    recovered = recover_session(arguments.session, say)
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
