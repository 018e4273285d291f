"""The processes one could attach to, as lines to choose from: what is found, in which order, and what each says. No Qt.

Scope's first question to a person is "which of these?". So Python programs come first, the newest of them on top: an
order that does not change by itself while somebody reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from capture.attach.doctor import Diagnosis
from capture.target.host_facts import user_name
from capture.target.processes import ListedProcess
from views.words.plain_text import plain

Column = Literal["pid", "python", "command", "user", "cpu", "memory", "age", "verdict"]
COLUMNS: tuple[Column, ...] = ("pid", "python", "command", "user", "cpu", "memory", "age", "verdict")
Key = tuple[int, float]
_IN_THE_WAY = {
    "exists": "gone",
    "not ourselves": "this window",
    "owner": "another user's",
    "running": "stopped",
    "no other debugger": "has a debugger",
    "privileges": "privileged",
    "ptrace scope": "kernel forbids it",
    "files": "in a container",
    "agent": "cannot read Scope",
    "processor": "other processor",
    "C library": "other C library",
    "Python version": "other Python",
    "GIL": "free-threaded",
    "remote debugging": "says no debuggers",
    "entry": "cannot be entered",
    "not recorded": "recorded already",
}


class ProcessLine(msgspec.Struct, frozen=True):
    """One process. `key` is its for life and never another's. cpu_percent: of one core; None at the first look."""

    row: ListedProcess
    user: str
    age_s: float
    cpu_percent: float | None = None

    @property
    def key(self) -> Key:
        return self.row.pid, self.row.create_time

    @property
    def is_python(self) -> bool:
        return bool(self.row.python)


def process_lines(
    rows: Iterable[ListedProcess], now_s: float, before: Mapping[Key, float] | None = None, elapsed_s: float = 0.0
) -> list[ProcessLine]:
    """The lines of these processes; `before` is the CPU time each had used `elapsed_s` ago."""
    lines = []
    for row in rows:
        used_s = (before or {}).get((row.pid, row.create_time))
        cpu = None if used_s is None or elapsed_s <= 0 else max(0.0, row.cpu_s - used_s) / elapsed_s * 100
        lines.append(ProcessLine(row, user_name(row.uid), max(0.0, now_s - row.create_time), cpu))
    return lines


def chosen_lines(
    lines: Iterable[ProcessLine], text: str, by: Column | None = None, down: bool = False
) -> list[ProcessLine]:
    """Those that hold every word of the text, in the order asked for.

    By None: the process whose PID was typed, then Python, the newest on top.
    """
    words = text.casefold().split()
    fitting = [line for line in lines if all(word in _searched(line) for word in words)]
    if by is None or by == "verdict":
        return sorted(fitting, key=lambda line: (str(line.row.pid) not in words, *_rank(line)))
    return sorted(fitting, key=lambda line: (_sorted_by(line, by), line.row.pid), reverse=down)


def _rank(line: ProcessLine) -> tuple[bool, bool, float, int]:
    return not line.is_python, is_scope(line), line.age_s, line.row.pid


def is_scope(line: ProcessLine) -> bool:
    """Whether it is a window, recorder or sealer of Scope: possible to record, and hardly what anyone looks for."""
    words = line.row.command.split()
    own = {"scope_gui", "scope_gui.recording.sealer"}
    return bool(own & set(words)) or any(Path(word).name == "scope-gui" for word in words[:2])


def cell_text(line: ProcessLine, column: Column, diagnosis: Diagnosis | None = None) -> str:
    """What the line says in a column."""
    row = line.row
    match column:
        case "pid":
            return str(row.pid)
        case "python":
            version = diagnosis.python if diagnosis is not None and diagnosis.python else row.python
            return "Python" if version == "yes" else version
        case "command":
            return plain(shown_command(row.command) or row.name)
        case "user":
            return plain(line.user)
        case "cpu":
            return "" if line.cpu_percent is None else f"{line.cpu_percent:.0f} %"
        case "memory":
            return f"{row.rss_bytes / 2**20:.0f} MiB"
        case "age":
            return age_text(line.age_s)
        case "verdict":
            return verdict_text(line, diagnosis)


def verdict_text(line: ProcessLine, diagnosis: Diagnosis | None) -> str:
    """Whether attaching will work, in a word or two; '…' while a Python program has not been looked at yet."""
    if diagnosis is None:
        return "…" if line.is_python else "observe only"
    if diagnosis.ok:
        return "✓ ready"
    if diagnosis.tier is None:
        return "✗ gone"
    blocking = diagnosis.blocking
    if blocking is None or blocking.name == "Python":
        return "observe only"
    return f"✗ {in_the_way(blocking.name)}"


def in_the_way(rule: str) -> str:
    """What is the matter when this rule of capture/attach/doctor.py does not hold, in two or three words."""
    return _IN_THE_WAY.get(rule, rule)


def shown_command(command: str) -> str:
    """The command line without the folder of its program: that of an interpreter hides what it runs.

    >>> shown_command("/srv/app/.venv/bin/python -m orders --rate 5")
    'python -m orders --rate 5'
    """
    program, space, others = command.partition(" ")
    return (program.rstrip("/").rpartition("/")[2] or program) + space + others


def age_text(seconds: float) -> str:
    """`12 s`, `5 min`, `3 h`, `8 d`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def _searched(line: ProcessLine) -> str:
    python = f"python {line.row.python}" if line.is_python else ""
    return f"{line.row.pid} {line.row.name} {line.row.command} {line.user} {python}".casefold()


def _sorted_by(line: ProcessLine, by: Column) -> float | str:
    match by:
        case "pid":
            return line.row.pid
        case "python":
            return line.row.python
        case "user":
            return line.user
        case "cpu":
            return line.cpu_percent or 0.0
        case "memory":
            return line.row.rss_bytes
        case "age":
            return line.age_s
        case _:
            return line.row.command.casefold()
