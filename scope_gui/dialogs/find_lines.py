"""The lines of the box that finds anything, in their order: what is found, commands, lists, what was gone to. No Qt.

A command whose title begins with what was typed comes first, then what the session has of that name, then commands
that hold the words. With nothing typed: the lists, what was gone to lately, all commands.
"""

from __future__ import annotations

from typing import NamedTuple

from scope_gui.commands import LISTS, Command, matching, shown_key
from views.loop.state import Assigns, BoxRow, Shows

FIND = "Find functions, values, threads, exceptions, commands, times"
_COUNTING, _NOTHING = "Counting …", "Nothing is called that."
_EMPTY: dict[Shows, str] = {
    "slowest": "No call is recorded.",
    "most called": "No call is recorded.",
    "errors": "No exception is recorded.",
    "what grew": "Nothing that is recorded grew.",
    "findings": "Nothing was found that is worth a look.",
}


class Line(NamedTuple):
    """One line. `does`: what Enter does; None: the line only says something."""

    kind: str
    title: str
    detail: str = ""
    key: str = ""
    marks: tuple[tuple[int, int], ...] = ()
    does: Command | BoxRow | None = None

    @property
    def spoken(self) -> str:
        """The line as it is read aloud."""
        return ", ".join(part for part in (self.title, self.kind, self.detail, self.key) if part)


def lines_of(assigns: Assigns, text: str, shows: Shows) -> list[Line]:
    """All of them for what is typed; what was found for less typed text stays until there is an answer."""
    box = assigns.box
    is_answered = box.answers == (text, shows)
    rows = box.rows if is_answered else tuple(row for row in box.rows if _holds(row, text))
    found = [Line(row.kind, row.title, row.detail, marks=row.marks, does=row) for row in rows]
    if shows:
        if not found:
            says = _COUNTING if not is_answered else _NOTHING if text.strip() else _EMPTY.get(shows, _NOTHING)
            return [Line("", says)]
        return found
    is_open = assigns.session is not None
    commands = [_of_command(command) for command in matching(text, session_open=is_open, settings=assigns.settings)]
    if not text.strip():
        recent = [Line(row.kind, row.title, row.detail, does=row) for row in box.recent] if is_open else []
        lists = [line for line in commands if line.kind == "list"]
        return [*lists, *recent, *(line for line in commands if line.kind != "list")]
    start = text.casefold().strip()
    first = [line for line in commands if line.title.casefold().startswith(start)]
    others = [line for line in commands if not line.title.casefold().startswith(start)]
    is_known = is_answered or not is_open
    return [*first, *found, *others] or [Line("", _NOTHING if is_known else "Looking …")]


def is_waiting(assigns: Assigns, text: str, shows: Shows) -> bool:
    """Whether what the session has of that name is not known yet."""
    if assigns.session is None or (not shows and not text.strip()):
        return False
    return assigns.box.answers != (text, shows)


def _of_command(command: Command) -> Line:
    kind = "list" if command.ask in LISTS else "command"
    return Line(kind, command.title, command.menu, shown_key(command), does=command)


def _holds(row: BoxRow, text: str) -> bool:
    said = f"{row.title} {row.detail}".casefold()
    return bool(text.strip()) and all(word in said for word in text.casefold().split())
