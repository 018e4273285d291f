"""Flags that several verbs have, and what a flag's value may be: what is of no use is refused first."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from views.words.timespec import is_time, not_a_time

TIMES = "1.5s, 250ms, 120000ns, 40%%, start or end"
_Number = TypeVar("_Number", int, float)
_ABOVE_0 = math.ulp(0.0)


def session_flag(parser: argparse.ArgumentParser) -> None:
    """The session that is meant."""
    parser.add_argument("session", type=Path, metavar="S.scope")


def json_flag(parser: argparse.ArgumentParser) -> None:
    """--json."""
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout and nothing else")


def format_flag(parser: argparse.ArgumentParser) -> None:
    """--format, of rows."""
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")


def time_word(text: str) -> str:
    """A time as it was typed; where in a session it lies shows when that is open."""
    if not is_time(text):
        raise argparse.ArgumentTypeError(not_a_time(text))
    return text


def _number(convert: Callable[[str], _Number], least: _Number, most: _Number, must_be: str) -> Callable[[str], _Number]:
    """A type for argparse. Comparing also keeps "nan" out."""

    def number(text: str) -> _Number:
        value = convert(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be {must_be}")
        return value

    return number


def whole(least: int, most: int) -> Callable[[str], int]:
    """A type for argparse: a whole number between these."""
    return _number(int, least, most, f"{least} to {most}")


seconds = _number(float, _ABOVE_0, 1e9, "above 0 and at most 1000000000")
time_limit = _number(float, 0.0, 1e6, "0 to 1000000")
per_second = _number(float, _ABOVE_0, 240.0, "above 0 and at most 240")
row_limit = _number(int, 0, sys.maxsize, "0 or more")
pictures = _number(int, 1, sys.maxsize, "1 or more")
