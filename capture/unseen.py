"""What a recording cannot see: one table of sentences, for everything that is told where less is captured than asked.

Whoever notices says a code and a detail: the recorder inside the target with `scope_unseen(code, detail)` in C, the
agent with `recorder.unseen(code, detail)`, the recorder process with an `unseen` fact. The decoder gathers them into
rows, which the manifest keeps; `told` makes the sentences that `run`, `info` and the window show. A new code is one
row here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec

MOST_DETAILS = 64
MOST_ROWS = 1024
MOST_CHARACTERS = 200
AND_MORE = "..."
MORE = "more"


class Unseen(msgspec.Struct, frozen=True):
    """One kind of blindness. `sentence` may hold `{details}`, which becomes the names that it is about."""

    code: str
    sentence: str
    remedy: str = ""


UNSEEN: tuple[Unseen, ...] = (
    Unseen("class-untouched", "Attributes of {details} are not recorded: watching would have broken the class."),
    Unseen(
        "slots-unknown",
        "Attributes are not recorded: this interpreter keeps its classes in a way that Scope does not know.",
    ),
    Unseen(
        "values-unknown",
        "Arguments and results are not recorded: this interpreter keeps its frames in a way that Scope does not know.",
    ),
    Unseen(
        "steps-unknown",
        "Lines are not recorded as they run: that takes Python 3.12 or newer, and an interpreter that keeps its "
        "frames in a way that Scope knows.",
    ),
    Unseen("local-names-full", "More names of local variables were seen than can be told apart; later ones have none."),
    Unseen(
        "call-lines-unknown",
        "The lines of calls are not recorded: this interpreter keeps its frames in a way that Scope does not know.",
    ),
    Unseen(
        "dead-frames-unknown",
        "Local variables of exceptions are not recorded: this interpreter keeps its frames in a way that Scope does "
        "not know.",
    ),
    Unseen("types-full", "More types of objects were seen than can be told apart; later ones have no name."),
    Unseen(
        "layout-unknown",
        "Nothing is missing, but recording costs more: Scope does not know the way in which this interpreter keeps its "
        "{details}.",
    ),
    Unseen(
        "lines-unknown",
        "Which lines never ran is not known: Scope does not know the way in which this interpreter keeps its code.",
    ),
    Unseen("lines-far", "Functions whose lines are more than 65536 apart are missing among lines that never ran."),
    Unseen(
        "instances-sampled",
        "Of {details} there are so many instances that only some are followed; the others are missing.",
        "Name the class with --state: every instance is followed then, at a price.",
    ),
    Unseen(
        "classes-full",
        "There are more classes than are watched without being named: attributes of the later ones are not recorded.",
        "Name the classes with --state.",
    ),
    Unseen("objects-full", "Attributes of more than a million objects at a time are not recorded."),
    Unseen(
        "containers-full",
        "More than 4096 attributes hold dicts, lists or sets: of the later ones only what they were given is known.",
        "Name fewer classes with --state.",
    ),
    Unseen(
        "names-full",
        "More names hold values than can be told apart; the later ones are not recorded.",
        "Name fewer classes with --state.",
    ),
    Unseen(
        "names-not-looked-at",
        "Globals that did not change are missing, {details}: the recording ended before they were looked at.",
        "Record for a second longer.",
    ),
    Unseen(
        "output-unknown",
        "What is printed is not recorded: this interpreter keeps its streams in a way that Scope does not know.",
    ),
    Unseen(
        "output-replaced",
        "What the program writes to {details}, which it has put in the place of stdout or stderr, is recorded as far "
        "as it reaches one of Python's own streams.",
    ),
    Unseen(
        "output-logs",
        "What is logged and warned of is not recorded on Python 3.10 and 3.11 in this mode, only what is printed.",
        "Record with --mode full or performance.",
    ),
    Unseen("codes-full", "More functions were made than can be told apart; the later ones are counted, not named."),
    Unseen("exceptions-full", "More exception types were raised than can be told apart; later ones have no name."),
    Unseen("threads-full", "More than a million threads have run; what later ones did is not in this recording."),
    Unseen("foreign-profiler", "Calls of {details} are missing while another profiler holds the thread."),
    Unseen("threads-missing", "Calls of threads are missing for which there was no memory."),
    Unseen("hooks-out", "Something in the program took Scope's hooks out; what ran until they were back is a gap."),
    Unseen("hooks-taken", "Calls are missing while {details} has Scope's place in sys.monitoring."),
    Unseen("greenlets", "Stacks of {details} are not known from the moment greenlets began to switch there."),
    Unseen(
        "thread-states",
        "The system does not say which threads wait: only those that join another one are shown as waiting.",
    ),
    Unseen("sub-interpreter", "What runs in sub-interpreters is not recorded."),
    Unseen("child", "Only watched from outside, not recorded: {details}."),
    Unseen("connection-closed", "The program closed Scope's connection; the recording ended there."),
    Unseen("agent-thread", "After a fork Scope's thread could not be started again; the recording ended there."),
    Unseen("child-short", "A child process came and went before it could be looked at."),
    Unseen(
        "child-untraced",
        "The program ignores SIGCHLD: of a child process that came and went between two looks there would be no trace.",
    ),
    Unseen(
        "observed",
        "{details} is only watched from outside: its memory, CPU and threads, no calls.",
        "Name the Python that is to be recorded: `scope-gui run -- python app.py`.",
    ),
    Unseen(
        "late",
        "{details} is recorded from the moment it was found, not from its first line.",
        "Name the Python that is to be recorded: `scope-gui run -- python app.py`.",
    ),
    Unseen(
        "import-outcomes",
        "The file that this was converted from does not say how calls ended, and not what ran before: all are shown as "
        "returned.",
    ),
    Unseen("import-left-out", "Not taken over from the file that this was converted from: {details}."),
    Unseen("import-overlap", "Calls that overlap another of their thread are cut to end with it: {details}."),
    Unseen(
        "import-overflow", "The buffer of the tool that wrote the file was full: what it recorded first is missing."
    ),
    Unseen("import-cut", "The file that this was converted from breaks off: what was to follow is missing."),
    Unseen("exec", "The program became {details} by exec; what it was before is recorded up to there."),
    Unseen(MORE, "There is more that this recording cannot see than is listed here."),
    Unseen("pattern-unused", "{details} does nothing in this mode: --mode says what is recorded."),
    Unseen("all-left-out", "No code is recorded: {details} leaves out all that ran."),
    Unseen(
        "pattern-unmatched",
        "Nothing matched {details}.",
        "A pattern names a module, a file or module:function (`orders.*`); one of --state a class (`orders.Stock`).",
    ),
)

BY_CODE = {row.code: row for row in UNSEEN}


class UnseenRow(msgspec.Struct, frozen=True):
    """What the manifest keeps: everything of one code that one process cannot see."""

    process_id: Annotated[int, msgspec.Meta(ge=0, le=1 << 31)]
    code: Annotated[str, msgspec.Meta(max_length=MOST_CHARACTERS)]
    details: Annotated[
        list[Annotated[str, msgspec.Meta(max_length=MOST_CHARACTERS)]], msgspec.Meta(max_length=MOST_DETAILS + 1)
    ] = []


class Blindness(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a recording cannot see, in words. `remedy` is '' where there is none."""

    code: str
    details: list[str]
    sentence: str
    remedy: str
    process_id: int


def with_detail(rows: list[UnseenRow], process_id: int, code: str, detail: str) -> list[UnseenRow]:
    """`rows` and this; the same list when it says so already, or when there is no room for more.

    >>> once = with_detail([], 1, "child", "make")
    >>> with_detail(once, 1, "child", "make") is once
    True
    >>> with_detail(once, 1, "child", "cc")
    [UnseenRow(process_id=1, code='child', details=['make', 'cc'])]
    """
    code, detail = code[:MOST_CHARACTERS], detail[:MOST_CHARACTERS]
    at = next((i for i, row in enumerate(rows) if (row.process_id, row.code) == (process_id, code)), len(rows))
    if at == len(rows):
        if at < MOST_ROWS - 1:
            return [*rows, UnseenRow(process_id, code, [detail] if detail else [])]
        return rows if at == MOST_ROWS else [*rows, UnseenRow(process_id, MORE)]
    known = rows[at].details
    if not detail or detail in known or AND_MORE in known:
        return rows
    added = detail if len(known) < MOST_DETAILS else AND_MORE
    return [*rows[:at], UnseenRow(process_id, code, [*known, added]), *rows[at + 1 :]]


def told_unseen(rows: Iterable[UnseenRow]) -> list[Blindness]:
    """The rows in words; a code of a newer Scope is shown as it is."""
    return [_told(row) for row in rows]


def _told(row: UnseenRow) -> Blindness:
    known = BY_CODE.get(row.code)
    details = listed(row.details)
    if known is None:
        sentence = f"{row.code}: {details} (said by a newer Scope)." if details else f"{row.code} (of a newer Scope)."
    else:
        sentence = known.sentence.replace("{details}", details or "some of it")
    return Blindness(
        code=row.code,
        details=row.details,
        sentence=sentence,
        remedy=known.remedy if known else "",
        process_id=row.process_id,
    )


def listed(names: Iterable[str]) -> str:
    """The names as a sentence lists them.

    >>> listed(["a", "b", "c"]), listed(["a", "..."]), listed([])
    ('a, b and c', 'a and others', '')
    """
    *others, last = ["others" if name == AND_MORE else name for name in names] or [""]
    return f"{', '.join(others)} and {last}" if others else last
