"""Every verb of the command line, one row each: the parser, `--help`, exit codes and the window's commands come of it.

A verb is one module, `scope_gui/verbs/NAME.py`, with `flags(parser)` and `run(arguments) -> exit code`. It is imported
when somebody types the verb and not before: an attach must not wait for the table libraries.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Group = Literal["record", "look", "keep"]
GROUPS: dict[Group, str] = {
    "record": "to record a program",
    "look": "to look at what was recorded",
    "keep": "to look after sessions",
}

DONE, FAILED, WRONG_USAGE = 0, 1, 2
CODES = ((DONE, "done"), (FAILED, "failed, with one sentence"), (WRONG_USAGE, "wrong usage"))


class NewFile(NamedTuple):
    """The file that a verb writes, as a dialog asks for it; it becomes `-o FILE`, or FILE where there is no flag."""

    title: str
    suffixes: tuple[str, ...]
    flag: str = "-o"


class InWindow(NamedTuple):
    """A verb as a command of the window, run in a process of its own that tells its progress and can be stopped.

    `words` follow the verb; SESSION in them stands for what is open, EVENT for the last event at the cursor. `busy` is
    said meanwhile and `lead` comes before the outcome, both with {name} for the session's. `needs` is what the session
    must be before anything is asked or started.
    """

    title: str
    busy: str
    lead: str = "{name}: "
    words: tuple[str, ...] = ("SESSION",)
    needs: tuple[Literal["finished", "folder"], ...] = ()
    asks: NewFile | None = None
    keys: str = ""


class Verb(NamedTuple):
    """One thing that can be typed. `codes` are its exit codes where they say more than done, failed, wrong usage."""

    name: str
    group: Group
    help: str
    module: str
    codes: tuple[tuple[int, str], ...] = CODES
    window: InWindow | None = None


def _codes(*others: tuple[int, str]) -> tuple[tuple[int, str], ...]:
    return tuple(sorted({**dict(CODES), **dict(others)}.items()))


VERBS: tuple[Verb, ...] = (
    Verb("open", "look", "show a session in the window", "scope_gui.verbs.open"),
    Verb(
        "attach",
        "record",
        "record running processes until Ctrl+C, their end or --duration, and show them live",
        "scope_gui.verbs.attach",
    ),
    Verb(
        "run",
        "record",
        "start a program under the recorder, and show it live",
        "scope_gui.verbs.run",
        codes=_codes(
            (DONE, "done; else the program's own status, 128 + N after signal N"),
            (FAILED, "the program ended with 0 and its recording has failed"),
            (125, "it could not be started"),
        ),
    ),
    Verb("demo", "record", "show the demo, a small order service with planted bugs, live", "scope_gui.verbs.demo"),
    Verb("configure", "record", "change what is recorded of a running recording", "scope_gui.verbs.configure"),
    Verb("trigger", "record", "have a flight recorder save what it has", "scope_gui.verbs.trigger"),
    Verb("stop", "record", "ask the recorder of a session to detach and save", "scope_gui.verbs.stop"),
    Verb(
        "doctor",
        "record",
        "say what attaching to a process needs and what is in the way",
        "scope_gui.verbs.doctor",
        codes=_codes((DONE, "nothing is in the way"), (FAILED, "something is")),
    ),
    Verb("info", "look", "what a session holds", "scope_gui.verbs.info"),
    Verb("frame", "look", "the whole program at one instant", "scope_gui.verbs.frame"),
    Verb("export", "look", "pictures of a session, without a display", "scope_gui.verbs.export"),
    Verb("events", "look", "the recorded events of a stretch of time", "scope_gui.verbs.events"),
    Verb("output", "look", "what the program had printed by a moment", "scope_gui.verbs.output"),
    Verb("query", "look", "SQL over the tables of a session", "scope_gui.verbs.query"),
    Verb("top", "look", "the functions that were called most, took longest, failed", "scope_gui.verbs.top"),
    Verb("calls", "look", "one function: how long its calls took, and the slowest of them", "scope_gui.verbs.calls"),
    Verb("step", "look", "from a moment of a thread to the next or last line, call or write", "scope_gui.verbs.step"),
    Verb(
        "history",
        "look",
        "what a value or local variable held and who wrote it, or the runs of a line",
        "scope_gui.verbs.history",
    ),
    Verb("logpoint", "look", "what an expression was at every run of a line", "scope_gui.verbs.logpoint"),
    Verb("tree", "look", "who called whom, with the time that it took", "scope_gui.verbs.tree"),
    Verb(
        "summary",
        "look",
        "what a stretch of time came to: functions, threads, exceptions, changes, figures",
        "scope_gui.verbs.summary",
    ),
    Verb(
        "never-run",
        "look",
        "the lines of recorded functions that never ran",
        "scope_gui.verbs.never_run",
    ),
    Verb("findings", "look", "what looks wrong, with the events that prove it", "scope_gui.verbs.findings"),
    Verb(
        "graph",
        "look",
        "the events around one, and which made which possible, as a graph",
        "scope_gui.verbs.graph",
        window=InWindow(
            "Write what led here, and what came of it, as a graph",
            "Looking for what led to the event at the cursor",
            words=("SESSION", "--around", "EVENT"),
            asks=NewFile("Write the events around the cursor as a graph", (".json", ".dot", ".graphml")),
        ),
    ),
    Verb("guide", "look", "how the window is used, as pages to read", "scope_gui.verbs.guide"),
    Verb(
        "convert",
        "keep",
        "make a session of another tool's recording, or a file for another tool of a session",
        "scope_gui.verbs.convert",
        window=InWindow(
            "Convert the session for another tool",
            "Converting {name}",
            "Converted into ",
            needs=("finished",),
            asks=NewFile("Convert the session for another tool", (".json", ".json.gz"), flag=""),
        ),
    ),
    Verb(
        "verify",
        "keep",
        "check every byte of a session",
        "scope_gui.verbs.verify",
        codes=_codes((DONE, "nothing is missing"), (FAILED, "something is, or it cannot be read")),
        window=InWindow("Check every byte of the session", "Checking {name}"),
    ),
    Verb(
        "settings",
        "keep",
        "what is settled for all sessions: look, keys, recordings, analyses",
        "scope_gui.verbs.settings",
    ),
    Verb("crashes", "keep", "how Scope itself failed here, in reports that stay here", "scope_gui.verbs.crashes"),
    Verb("recover", "keep", "finish a session whose recorder was killed", "scope_gui.verbs.recover"),
    Verb(
        "index",
        "keep",
        "rebuild the caches of a session",
        "scope_gui.verbs.index",
        window=InWindow("Rebuild the session's caches", "Rebuilding the caches of {name}"),
    ),
    Verb(
        "pack",
        "keep",
        "turn a session folder into one file",
        "scope_gui.verbs.pack",
        window=InWindow(
            "Keep the session as one file",
            "Packing {name}",
            "Kept as ",
            needs=("finished", "folder"),
            asks=NewFile("Keep the session as one file", (".scope",)),
            keys="Ctrl+S",
        ),
    ),
)


def verb_named(name: str) -> Verb:
    """The row of that name.

    Raises: KeyError.
    """
    return {verb.name: verb for verb in VERBS}[name]
