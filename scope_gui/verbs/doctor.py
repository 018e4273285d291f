"""`scope-gui doctor`: what attaching to a process needs, and what is in the way."""

from __future__ import annotations

import argparse

from capture.attach.doctor import examine
from scope_gui.streams import print_json, reader_may_leave
from scope_gui.verbs.shared_flags import json_flag


def flags(parser: argparse.ArgumentParser) -> None:
    """Which process."""
    parser.add_argument("pid", type=int, metavar="PID")
    json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Says what attaching needs; 0 when nothing is in the way."""
    diagnosis = examine(arguments.pid)
    with reader_may_leave():
        if arguments.json:
            print_json(diagnosis)
        else:
            print(diagnosis.text())
    return 0 if diagnosis.ok else 1
