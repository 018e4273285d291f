"""`scope-gui crashes`: how Scope itself failed, as the reports on this machine tell it."""

from __future__ import annotations

import argparse

from capture.errors import ScopeError, WrongUsage
from scope_gui.logs import crashes, own_files
from scope_gui.streams import print_json, reader_may_leave
from scope_gui.verbs.shared_flags import json_flag


def flags(parser: argparse.ArgumentParser) -> None:
    """Which report, and what is to become of it."""
    parser.add_argument("report", nargs="?", metavar="REPORT", help="print this one; without it all are listed")
    parser.add_argument("--delete", action="store_true", help="delete it instead")
    json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Lists the reports, prints one or deletes it."""
    if arguments.report is None and arguments.delete:
        raise WrongUsage("--delete goes with the name of a report.", "`scope-gui crashes` lists them.")
    if arguments.report is None:
        _list(as_json=arguments.json)
        return 0
    try:
        text = crashes.read_report(arguments.report)
        if arguments.delete:
            crashes.delete(arguments.report)
    except OSError as error:
        raise ScopeError(
            f"There is no crash report {arguments.report!r} in {own_files.folder()} that can be read.",
            "`scope-gui crashes` lists them.",
        ) from error
    with reader_may_leave():
        if arguments.json:
            print_json({"name": arguments.report, "deleted": arguments.delete, "text": text})
        else:
            print(f"deleted {arguments.report}" if arguments.delete else text.rstrip())
    return 0


def _list(*, as_json: bool) -> None:
    found = crashes.reports()
    with reader_may_leave():
        if as_json:
            print_json({"folder": str(own_files.folder()), "reports": found})
            return
        for report in found:
            print(f"{report.name}  {report.time} UTC  {report.headline}")
        if not found:
            print(f"Scope has not failed here, as far as {own_files.folder()} knows.")
