"""The tables of a session: one row of TABLES a table, and nothing else says what a table is.

Schemas, encodings, merging, what `verify` checks, what SQL shows, the tables of `capture/FORMAT.md` and the help of
`scope-gui query` derive from here. An id column holds null where there is none. Kinds and outcomes are words, so that
every Parquet reader sees words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

import pyarrow as pa

from capture.events.kinds import Kind
from capture.events.metrics import places_told
from capture.events.track_kinds import TRACK_KINDS
from capture.session.format import MAX_LINES
from capture.session.table_shape import WORDS, Column, Lives, Table, column

OLD_ROWS_BACK = "old_rows_back"  # see capture.session.stored_states
ARGUMENTS_AT, RESULT_AT = "arguments_event_shift", "result_event_id"  # see capture.session.event_texts
OUTCOMES = ("return", "yield", "raise", "open")

_INT32, _INT64, _TEXT, _REAL = pa.int32(), pa.int64(), pa.string(), pa.float64()
_START = column("start_ns", _INT64, "When it began, ns on the session clock; null where that is not known.", skips=True)
_END = column("end_ns", _INT64, "When it ended, ns on the session clock; null: not yet.", skips=True)
_TIME = column("time_ns", _INT64, "When, ns on the session clock.", skips=True)
_TRACK = column("track_id", _INT32, "The track.")

TABLES: tuple[Table, ...] = (
    Table(
        name="processes",
        says="The processes of the recording.",
        lives="definition",
        most_rows=MAX_LINES,
        columns=(
            column("process_id", _INT32, "Counts them from 1.", encoding="delta"),
            column("node", _TEXT, "The machine; empty: this one."),
            column("pid", _INT64, "The system's number of it."),
            column("name", _TEXT, "What it is called."),
            column("command", _TEXT, "Its command line.", encoding="plain"),
            column("parent_id", _INT32, "The process that started it; null: not one of these.", none=True),
            column("start_ns", _INT64, "When it began, ns; below 0: before the session; null: not known.", skips=True),
            _END,
            column("python", _TEXT, "The version of its Python; empty: it has none, or it is not known."),
            column("tier", _TEXT, "`python`: recorded from inside; `observe`: only watched from outside."),
        ),
    ),
    Table(
        name="tracks",
        says="The lines of time: each process, and each of its threads.",
        lives="definition",
        most_rows=MAX_LINES,
        columns=(
            column("track_id", _INT32, "Counts them from 1.", encoding="delta"),
            column("process_id", _INT32, "The process that it is part of.", refers="processes"),
            column("kind", _TEXT, f"What it is: {', '.join(f'`{row.name}`' for row in TRACK_KINDS)}."),
            column("name", _TEXT, "What it is called."),
            column("os_id", _INT64, "The system's number of the thread; null: none, or not known."),
            column("parent_track_id", _INT32, "The track that started it; null: not known.", none=True),
            _START,
            _END,
        ),
    ),
    Table(
        name="sites",
        says="The functions, each as it is written in a file.",
        lives="definition",
        grows=True,
        columns=(
            column("site_id", _INT32, "Counts them from 1.", encoding="delta", none=True),
            column("function", _TEXT, "Its qualified name."),
            column("module", _TEXT, "The module that it is in."),
            column("file", _TEXT, "The file that it is in."),
            column("line", _INT32, "The line that it begins in."),
        ),
    ),
    Table(
        name="state_keys",
        says="The names that hold state: module globals, and attributes of watched classes.",
        lives="definition",
        grows=True,
        columns=(
            column("key_id", _INT32, "Counts them from 1.", encoding="delta"),
            column("owner", _TEXT, "The module, or the class."),
            column("key", _TEXT, "The name."),
            column("scope", _TEXT, "`global` or `attribute`."),
        ),
    ),
    Table(
        name="site_lines",
        says="The lines that the code of functions has, where it is known which of them ran.",
        lives="definition",
        grows=True,
        columns=(
            column("site_id", _INT32, "The function.", refers="sites"),
            column("lines", _TEXT, "Some or all of them, as ranges: `12-15,17`.", encoding="plain"),
        ),
    ),
    Table(
        name="events",
        says="All that happened, in order of time.",
        lives="segment",
        numbered=True,
        time="time_ns",
        columns=(
            column("event_id", _INT64, "Counts them from 1, without holes."),
            _TIME,
            column("kind", WORDS, "What it was, one of the words below."),
            column("track_id", _INT32, "The track that it happened on.", refers="tracks"),
            column("site_id", _INT32, "The function; null: of none.", none=True, refers="sites"),
            column("object_id", _INT64, "The object; null: of none.", none=True, skips=True, mostly_null=True),
            column("value", _TEXT, "What the kind says with a text; null: nothing.", encoding="sampled",
                   mostly_null=True),
            column("ref", _INT64, "What the kind says with a number; null: nothing.", none=True, skips=True,
                   mostly_null=True),
            column("flags", pa.uint8(), "The recorder's bits.", absent_is=0),
            column("message", _TEXT, "What a raised exception says, `LEVEL: LOGGER` of what is logged; null: nothing.",
                   mostly_null=True),
        ),
    ),
    Table(
        name="calls",
        says="The calls, in the order in which they ended.",
        lives="segment",
        time="end_ns",
        open_rows="added",
        columns=(
            column("call_id", _INT64, "Counts them in the order in which they began."),
            column("start_ns", _INT64, "When it began, ns on the session clock.", skips=True),
            column("end_ns", _INT64, "When it ended, ns on the session clock; null: it was still open.", skips=True),
            column("track_id", _INT32, "The track that it ran on.", refers="tracks"),
            column("depth", _INT32, "How many calls it is inside of.", encoding="delta"),
            column("site_id", _INT32, "The function; null: not known.", none=True, refers="sites"),
            column("parent_call_id", _INT64, "The call that made it; null: none.", encoding="plain", none=True),
            column("call_line", _INT32, "The line that its caller made it from; null: not known.", none=True,
                   mostly_null=True),
            column("outcome", WORDS, "`return`, `yield`, `raise`, or `open`: it has not ended.", codes=OUTCOMES),
            column("arguments", _TEXT, "What it was called with, `x=1, name='abc', *args=(1, 2)`; null: not known.",
                   encoding="sampled", mostly_null=True, told_by=("value",), told_at=ARGUMENTS_AT),
            column("result", _TEXT, "What it returned, or yielded; null: not known.",
                   encoding="sampled", mostly_null=True, told_by=("value",), told_at=RESULT_AT),
            column("exception_id", _INT64, "The exception that left it, of `exceptions`; null: none, or not known.",
                   none=True, mostly_null=True),
            column(ARGUMENTS_AT, _INT64, "The id of the event whose `value` is `arguments`, less twice the `call_id`,"
                   " plus the `depth`; null: `arguments` itself tells.", mostly_null=True, stored_only=True),
            column(RESULT_AT, _INT64, "The event whose `value` is `result`; null: `result` itself tells.",
                   none=True, mostly_null=True, stored_only=True),
        ),
    ),
    Table(
        name="exceptions",
        says="The exceptions that were raised, each once for every thread.",
        lives="segment",
        time="time_ns",
        columns=(
            column("exception_id", _INT64, "The event of its raise."),
            _TIME,
            column("track_id", _INT32, "The track that it was raised on.", refers="tracks"),
            column("call_id", _INT64, "The call that it was raised in; null: not known.", none=True, skips=True),
            column("site_id", _INT32, "The function that it was raised in.", none=True, refers="sites"),
            column("type", _TEXT, "Its type, with the module; null: not known."),
            column("message", _TEXT, "What it says: its argument, or arguments, 200 bytes at most; null: nothing."),
            column("line", _INT64, "The line of that function; null: not known.", none=True),
        ),
    ),
    Table(
        name="exception_frames",
        says="The calls that an exception was in, as far as it left them, and the local variables of all its frames.",
        lives="segment",
        columns=(
            column("exception_id", _INT64, "The exception, of `exceptions`."),
            column("depth", _INT32, "How many recorded functions lie between this one and where it was raised.",
                   encoding="delta"),
            column("call_id", _INT64, "The call; null: not known.", none=True, skips=True),
            column("site_id", _INT32, "The function; null: not known.", none=True, refers="sites"),
            column("role", _TEXT, "`raised`: it began there; `unwound`: it came from a call of this one, and left it; "
                   "`local`: a local variable of a frame that it passed, `outer`: of one that called those, both as "
                   "they were when it was raised, told of some of each kind (--exceptions)."),
            column("line", _INT64, "Of a variable, the line at which its frame was; null: not known.", none=True,
                   mostly_null=True),
            column("name", _TEXT, "The variable; null: a frame without any, or no variable.", encoding="sampled",
                   mostly_null=True),
            column("value", _TEXT, "What it held.", encoding="sampled", mostly_null=True),
        ),
    ),
    Table(
        name="output",
        says="What was printed, logged and warned of, in the order in which it was.",
        lives="segment",
        event_kind=Kind.OUTPUT,
        columns=(
            column("event_id", _INT64, "The event that tells it."),
            column("time_ns", _INT64, "When, ns on the session clock.", skips=True, told_by=("time_ns",)),
            column("track_id", _INT32, "The thread.", refers="tracks", told_by=("track_id",)),
            column("call_id", _INT64, "The call that did; null: not known.", none=True, skips=True),
            column("line", _INT64, "The line of its function that did; null: not known.", none=True, told_by=("ref",)),
            column("stream", _TEXT, "Where to: `stdout`, `stderr`, or as a `log` record or a `warning`."),
            column("level", _TEXT, "The level of a log record, the category of a warning; null: of neither.",
                   mostly_null=True),
            column("logger", _TEXT, "The name of the logger; null: of none.", mostly_null=True),
            column("text", _TEXT, "What was written, in full; secrets are left out.", encoding="sampled",
                   told_by=("value",)),
            column("form", _TEXT, "`escaped`: it is no UTF-8, see below; null: the text is what was written.",
                   mostly_null=True),
            column("continues", pa.uint8(), "1: the next row of the thread goes on with the same write.", absent_is=0),
            column("redirected", pa.uint8(), "1: the program had put a stream of its own in the place of its stdout or "
                   "stderr.", absent_is=0),
        ),
    ),
    Table(
        name="lines",
        says="The lines that ran of functions whose lines are recorded, in order of time.",
        lives="segment",
        event_kind=Kind.LINE,
        columns=(
            column("time_ns", _INT64, "When it was about to run, ns on the session clock.", skips=True,
                   told_by=("time_ns",)),
            column("track_id", _INT32, "The thread.", refers="tracks", told_by=("track_id",)),
            column("call_id", _INT64, "The call that ran it; null: not known.", none=True, skips=True),
            column("line", _INT64, "The line, in the function's file.", none=True, told_by=("ref",)),
        ),
    ),
    Table(
        name="locals",
        says="What these lines did to local variables, one row a change; the arguments of a call come first.",
        lives="segment",
        changes_of=(Kind.LINE, Kind.LOCALS),
        columns=(
            column("time_ns", _INT64, "When it was seen: after the line, ns on the session clock.", skips=True,
                   told_by=("time_ns",)),
            column("track_id", _INT32, "The thread.", refers="tracks", told_by=("track_id",)),
            column("call_id", _INT64, "The call whose variable it is; null: not known.", none=True, skips=True),
            column("line", _INT64, "The line that did it; null: it was so before the first one that is known.",
                   none=True, encoding="dictionary"),
            column("name", _TEXT, "The variable.", told_by=("value",)),
            column("old", _TEXT, "The value that it replaced; null: none.", encoding="sampled", mostly_null=True),
            column("new", _TEXT, "The value; null: the variable was deleted.", encoding="sampled", told_by=("value",)),
            column(OLD_ROWS_BACK, _INT32, "How many rows before the value replaced is the `new`; 0: `old` tells.",
                   encoding="delta", stored_only=True),
        ),
    ),
    Table(
        name="first_runs",
        says="When lines of functions ran for the first time, of each process.",
        lives="segment",
        time="time_ns",
        columns=(
            _TIME,
            column("track_id", _INT32, "The track that ran it.", refers="tracks"),
            column("site_id", _INT32, "The function.", none=True, refers="sites"),
            column("line", _INT32, "The line, in the function's file."),
        ),
    ),
    Table(
        name="never_run",
        says="The lines of functions that were called, and when each of them ran first.",
        lives="derived",
        streams=False,
        columns=(
            column("site_id", _INT32, "The function.", refers="sites"),
            column("line", _INT32, "The line, in the function's file."),
            column("kind", _TEXT, "`line`."),
            column("first_run_ns", _INT64, "When it first ran, ns on the session clock; null: not while recorded."),
        ),
    ),
    Table(
        name="messages",
        says="What one track has sent to another.",
        lives="nowhere",
        columns=(
            column("message_id", _INT64, "Counts them from 1."),
            column("channel_id", _INT64, "The queue or connection that it went through; null: not known."),
            column("kind", _TEXT, "What it went through."),
            column("sent_ns", _INT64, "When it was sent, ns on the session clock; null: not seen."),
            column("received_ns", _INT64, "When it was taken, ns on the session clock; null: not yet, or not seen."),
            column("sender_track_id", _INT32, "The track that sent it; null: not known."),
            column("receiver_track_id", _INT32, "The track that took it; null: not yet, or not known."),
            column("size_bytes", _INT64, "Its size in bytes; null: not known."),
            column("summary", _TEXT, "The beginning of what it said.", encoding="plain"),
        ),
    ),
    Table(
        name="waits",
        says="Stretches in which a thread was asleep, as the system tells whoever looks from outside.",
        lives="segment",
        open_rows="whole",
        columns=(
            column("start_ns", _INT64, "The first look that found it asleep, ns on the session clock.", skips=True),
            column("end_ns", _INT64, "The last look that did, ns; null: it goes on past the segment.", skips=True),
            column("track_id", _INT32, "The thread."),
            column("kind", _TEXT, "What for: `lock`, `gil`, `io`, `sleep`, `join`; empty: the system does not say."),
            column("object_id", _INT64, "The lock or file; null: not known.", none=True, skips=True),
            column("holder_track_id", _INT32, "The track that has what it waits for; null: not known.", none=True),
            column("confidence", _TEXT, "How sure that is: `sampled`."),
        ),
    ),
    Table(
        name="holds",
        says="Stretches in which a track had a lock.",
        lives="nowhere",
        columns=(
            _START,
            _END,
            _TRACK,
            column("object_id", _INT64, "The lock.", none=True, skips=True),
        ),
    ),
    Table(
        name="allocations",
        says="Memory taken, and when it was given back.",
        lives="nowhere",
        columns=(
            _TIME,
            column("freed_ns", _INT64, "When it was given back, ns on the session clock; null: not yet."),
            _TRACK,
            column("site_id", _INT32, "The function that took it; null: not known.", none=True),
            column("type", _TEXT, "The type of the object."),
            column("bytes", _INT64, "Its size in bytes."),
            column("count", _INT64, "How many allocations the row stands for."),
            column("weight", _REAL, "How many there were for each that was looked at."),
        ),
    ),
    Table(
        name="gc_runs",
        says="Runs of the garbage collector.",
        lives="nowhere",
        columns=(
            _START,
            _END,
            column("process_id", _INT32, "The process."),
            column("generation", _INT32, "The oldest generation that it looked at."),
            column("collected", _INT64, "How many objects it freed."),
            column("uncollectable", _INT64, "How many it could not free."),
        ),
    ),
    Table(
        name="states",
        says="The values that names were given, one row a version.",
        lives="segment",
        event_kind=Kind.STATE,
        columns=(
            column("version_id", _INT64, "Counts them from 1."),
            column("time_ns", _INT64, "When, ns on the session clock.", skips=True, told_by=("time_ns",)),
            column("object_id", _INT64, "Whose attribute; null: a module's global.", none=True, skips=True,
                   told_by=("object_id",)),
            column("owner", _TEXT, "The module, or the class."),
            column("key", _TEXT, "The name."),
            column("old", _TEXT, "The value that it replaced; null: none.", encoding="sampled", mostly_null=True),
            column("new", _TEXT, "The value; null: the name was deleted.", encoding="sampled", told_by=("value",)),
            column("writer_track_id", _INT32, "The track that wrote it; null: a look from outside found it.", none=True,
                   told_by=("track_id", "flags", "object_id")),
            column("writer_call_id", _INT64, "The call that wrote it; null: not known.", none=True, mostly_null=True),
            column("changes", _INT64, "How many changes it stands for.", absent_is=1),
            column(OLD_ROWS_BACK, _INT32, "How many rows before the value replaced is the `new`; 0: `old` tells.",
                   encoding="delta", stored_only=True),
        ),
    ),
    Table(
        name="metrics",
        says="Figures of processes, each as a look found it.",
        lives="segment",
        columns=(
            _TIME,
            column("process_id", _INT32, "The process."),
            column("name", _TEXT, f"What was measured; {places_told()}."),
            column("value", _REAL, "The figure, in the unit that the name ends with."),
        ),
    ),
    Table(
        name="edges",
        says="Which event made which other one possible.",
        lives="segment",
        columns=(
            column("cause_event_id", _INT64, "The event that did."),
            column("effect_event_id", _INT64, "The event that it made possible."),
            column("kind", _TEXT, "How, in one word."),
        ),
    ),
    Table(
        name="gaps",
        says="Stretches in which events are missing.",
        lives="segment",
        streams=False,
        damaged_is="damaged",
        columns=(
            _START,
            _END,
            column("track_id", _INT32, "The track; null: all of them."),
            column("dropped", _INT64, "How many events are missing; null: nobody knows."),
            column("reason", _TEXT, "Why."),
        ),
    ),
    Table(
        name="notes",
        says="What the user has noted. It lies in `notes.json`; SQL does not show it yet.",
        lives="nowhere",
        columns=(
            _TIME,
            column("end_ns", _INT64, "When what it is about ends, ns; null: at once.", skips=True),
            column("text", _TEXT, "The note."),
            column("author", _TEXT, "Who wrote it."),
        ),
    ),
)  # fmt: skip

_Made = TypeVar("_Made")


class _Derived(Mapping[str, _Made], Generic[_Made]):
    """What is made of each row of TABLES, by the table's name; made once, when it is first asked for."""

    def __init__(self, make: Callable[[Table], _Made], *, lives: tuple[Lives, ...] = ()) -> None:
        self._make, self._lives = make, lives
        self._of: tuple[Table, ...] = ()
        self._made: dict[str, _Made] = {}

    def _now(self) -> dict[str, _Made]:
        if self._of is not TABLES:  # a test may have put another one in its place
            self._made = {t.name: self._make(t) for t in TABLES if not self._lives or t.lives in self._lives}
            self._of = TABLES
        return self._made

    def __getitem__(self, name: str) -> _Made:
        return self._now()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())


TABLE: Mapping[str, Table] = _Derived(lambda table: table)
COLUMNS: Mapping[str, Mapping[str, Column]] = _Derived(lambda table: {c.name: c for c in table.columns})
SCHEMAS: Mapping[str, pa.Schema] = _Derived(lambda table: table.schema)
STORED_SCHEMAS: Mapping[str, pa.Schema] = _Derived(lambda table: table.stored_schema)
