"""The settings in their file: $XDG_CONFIG_HOME/scope-gui/settings.json, for people to read and to change.

    {"theme": "contrast", "scale": 125, "capture": {"redact": ["iban"]}, "keys": {"Next exception": ["E"]}}

It holds what is not as it was at first. What cannot be understood is told and stays as it is: a setting of a later
version, a mistyped word. A file that is no JSON is never written over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from capture.disk import replace_file, write_problem
from capture.errors import ScopeError, TargetProblem
from capture.typed import from_json
from scope_gui.settings.keys import refused
from scope_gui.settings.table import Setting, all_settings

_FILE = "settings.json"
_MOST_BYTES = 1 << 20


class Read(NamedTuple):
    """What a file settles, by the settings' names, and what it says that holds nothing, a sentence each."""

    settings: dict[str, Any]
    problems: tuple[str, ...] = ()


def settings_file() -> Path:
    """The file of this user."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())
    return Path(base) / "scope-gui" / _FILE


def load(rows: Sequence[Setting] | None = None) -> Read:
    """What is settled of these, of all by default; nothing where there is no file, or it cannot be read."""
    try:
        named = _flat(_document())
    except ScopeError as problem:
        return Read({}, (str(problem),))
    return understood(named, all_settings() if rows is None else rows, are_all=rows is None)


def understood(named: Mapping[str, Any], rows: Sequence[Setting], *, are_all: bool = True) -> Read:
    """What these values settle. `are_all`: what is in none of the rows is nowhere, and told."""
    known, found, told = {row.name: row for row in rows}, dict[str, Any](), list[str]()
    for name, value in named.items():
        row = known.get(name)
        if row is None:
            if are_all:
                told.append(f"There is no setting {_quoted(name)}.")
            continue
        try:
            found[name] = row.checked(value)
        except ScopeError as problem:
            told.append(str(problem))
    of_commands = {row.title: row for row in rows if row.kind == "keys"}
    given = {title: found[row.name] for title, row in of_commands.items() if row.name in found}
    for title, why in refused(given, {title: row.default for title, row in of_commands.items()}).items():
        del found[of_commands[title].name]
        told.append(f"{of_commands[title].name}: {why}")
    return Read(found, tuple(told))


def save(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Writes what has changed into the file; all else in it stays, also what another window has settled meanwhile.

    Raises: TargetProblem when it cannot be written, or holds something that would be lost.
    """
    document = _document()
    for name in {**before, **after}:
        if before.get(name) != after.get(name):
            _put(document, name, after.get(name))
    path = settings_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_problem(error, _FILE) from error
    replace_file(path, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def _document() -> dict[str, Any]:
    """The file as it is; empty where there is none. Raises: TargetProblem."""
    path = settings_file()
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        return from_json(data, dict[str, Any]) if len(data) <= _MOST_BYTES else _refuse(path, "it is too large")
    except FileNotFoundError:
        return {}
    except OSError as error:
        return _refuse(path, (error.strerror or "it cannot be opened").lower())
    except msgspec.DecodeError as error:
        return _refuse(path, str(error))


def _refuse(path: Path, why: str) -> dict[str, Any]:
    raise TargetProblem(f"{path} cannot be read: {why}.", "Mend it or move it away; until then nothing is kept in it.")


def _flat(document: Mapping[str, Any]) -> dict[str, Any]:
    """By the settings' names: a group's with its name before them."""
    found: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            found |= {f"{name}.{inner}": one for inner, one in value.items()}
        else:
            found[name] = value
    return found


def _put(document: dict[str, Any], name: str, value: Any) -> None:
    """Sets a value where its name says, or takes it out; a group that becomes empty goes as well."""
    group, dot, inner = name.partition(".")
    if not dot:
        place, key = document, name
    else:
        held = document.get(group)
        place, key = (held if isinstance(held, dict) else {}), inner
        document[group] = place
    if value is None:
        place.pop(key, None)
    else:
        place[key] = value
    if dot and not place:
        document.pop(group, None)


def _quoted(name: str) -> str:
    return json.dumps(name[:80], ensure_ascii=False)
