"""`scope-gui settings`: what is settled for all sessions, and what else it could be."""

from __future__ import annotations

import argparse
import difflib
import sys
from typing import Any

from capture.errors import TargetProblem, WrongUsage
from capture.shown_text import one_line
from scope_gui.settings.file import Read, load, save, settings_file, understood
from scope_gui.settings.table import SECTIONS, Setting, all_settings, value_of
from scope_gui.streams import print_json
from scope_gui.verbs.shared_flags import json_flag


def flags(parser: argparse.ArgumentParser) -> None:
    """Which, and what from now on."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="only this one")
    parser.add_argument("value", nargs="*", metavar="VALUE", help="what it is from now on")
    parser.add_argument("--reset", action="store_true", help="as it was at first")
    json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints all settings or one, or changes one."""
    rows = all_settings()
    read = load(rows)
    for problem in read.problems:
        print(f"scope-gui: {one_line(problem)}", file=sys.stderr)
    asked = [_named(arguments.name, rows)] if arguments.name is not None else list(rows)
    if arguments.value or arguments.reset:
        return _change(arguments, asked, read)
    if arguments.json:
        print_json({row.name: value_of(row, read.settings) for row in asked})
        return 0
    if arguments.name is not None:
        print(one_line(asked[0].in_words(value_of(asked[0], read.settings))))
        return 0
    _print(rows, read.settings)
    return 0


def _change(arguments: argparse.Namespace, asked: list[Setting], read: Read) -> int:
    if arguments.name is None or (arguments.value and arguments.reset):
        raise WrongUsage("Say one setting and its value, or --reset: scope-gui settings scale 125.")
    row, settings = asked[0], dict(read.settings)
    if arguments.reset:
        settings.pop(row.name, None)
    else:
        settings[row.name] = row.from_words(arguments.value)
        refused = understood(settings, all_settings()).problems
        if refused:
            raise TargetProblem(refused[0])
    save(read.settings, settings)
    return 0


def _named(name: str, rows: tuple[Setting, ...]) -> Setting:
    found = next((row for row in rows if row.name == name), None)
    if found is None:
        near = difflib.get_close_matches(name, [row.name for row in rows], 1)
        raise WrongUsage(f"There is no setting {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
    return found


def _print(rows: tuple[Setting, ...], settings: dict[str, Any]) -> None:
    """All of them by section; a star is before what is not as it was at first."""
    wide = max(len(row.name) for row in rows if row.kind != "keys")
    print(f"kept in {settings_file()}")
    for section in SECTIONS:
        print(f"\n{section}")
        for row in rows:
            if row.section == section:
                star = "*" if row.name in settings else " "
                value = one_line(row.in_words(value_of(row, settings))) or "-"
                print(f"{star} {row.name:<{wide}}  {value:<10}  {row.says}".rstrip())
