"""Every verb of the command line, its flags and its exit code.

Exit 0 done, 1 failed with one clear sentence on stderr, 2 wrong usage. Each verb imports only what it needs: an
attach must not wait for the table libraries.
"""

from __future__ import annotations

import argparse
import importlib
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar, cast

from capture.errors import ScopeError, TargetProblem, WrongUsage
from capture.shown_text import one_line
from scope_gui.streams import AnswerLost, drop_answers
from views.words.timespec import is_time, not_a_time

WELCOME = "scope_gui.window.app:welcome"
VIEWS = ("window", "timeline", "building", "supervision", "inspector", "metrics")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb and gives its exit code."""
    code = 0
    try:
        code = _run(argv)
        sys.stdout.flush()  # here, where a closed pipe is understood
    except ScopeError as problem:
        if isinstance(problem, AnswerLost):
            drop_answers()
        print(f"scope-gui: {one_line(str(problem))}", file=sys.stderr)
        return 2 if isinstance(problem, WrongUsage) else 1
    except PermissionError as error:  # of a file in a folder that is shut to us, whatever pathlib is asked about it
        if not isinstance(error.filename, str):
            raise
        print(f"scope-gui: {one_line(f'{error.filename} cannot be looked at: {error.strerror}.')}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        drop_answers()  # their reader (head, less) has gone, which is its right and no failure of ours
    except KeyboardInterrupt:
        print("scope-gui: interrupted", file=sys.stderr)
        return 1
    return code


def _run(argv: Sequence[str] | None) -> int:
    parser = build_parser()
    try:
        arguments = parser.parse_args(argv)
        if arguments.desktop and arguments.handler != WELCOME:
            parser.error("--install-desktop and --uninstall-desktop go without a verb")
    except SystemExit as end:  # help and version are answers like others; 2 after a wrong word
        return end.code if isinstance(end.code, int) else 0
    return _handler(arguments.desktop or arguments.handler)(arguments)


def _handler(name: str) -> Callable[[argparse.Namespace], int]:
    """The function behind "module:function"; imported only now, because an attach must not wait for pyarrow."""
    module, _, function = name.partition(":")
    try:
        return cast(Callable[[argparse.Namespace], int], getattr(importlib.import_module(module), function))
    except ImportError as error:
        if module != "scope_gui.window.app" or not (error.name or "PySide6").startswith("PySide6"):
            raise
        raise TargetProblem(f"The window cannot start: {error}.", "`make setup` installs what Qt needs.") from error


def build_parser() -> argparse.ArgumentParser:
    """Every verb of the command line."""
    parser = argparse.ArgumentParser(
        prog="scope-gui", description="Record a running program and look at any moment of its past."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    for flag, what in (
        ("install", "add Scope to this user's desktop: menu, icon, .scope files"),
        ("uninstall", "undo it"),
    ):
        parser.add_argument(
            f"--{flag}-desktop",
            dest="desktop",
            action="store_const",
            const=f"scope_gui.desktop.desktop:{flag}_desktop",
            help=what,
        )
    parser.set_defaults(handler=WELCOME)
    verbs = parser.add_subparsers(metavar="VERB", help="without one: the window")

    open_ = _verb(verbs, "open", "show a session in the window", "scope_gui.window.app:open_session")
    open_.add_argument("session", type=Path, nargs="?", metavar="S.scope", help="without one: the welcome page")
    open_.add_argument(
        "--show-problems",
        action="store_true",
        help="say what is wrong with the session in the window, not on stderr: for desktops and launchers",
    )
    open_.add_argument(
        "--at", type=_time, metavar="TIME", help="where to begin: 1.5s, 250ms, 120000ns, 40%%, start or end"
    )

    attach = _verb(
        verbs,
        "attach",
        "record a running process until Ctrl+C, its end or --duration, and show it live",
        "scope_gui.verbs.record:attach",
    )
    attach.add_argument("pid", type=int, metavar="PID")
    _recording_flags(attach)

    run = _verb(verbs, "run", "start a program under the recorder, and show it live", "scope_gui.verbs.record:run")
    _recording_flags(run)
    run.add_argument("--end-program", action="store_true", help="end the program, too, when its recording ends")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- python app.py ARGS | -m module ARGS")

    demo = _verb(
        verbs, "demo", "show the demo, a small order service with planted bugs, live", "scope_gui.window.app:demo"
    )
    demo.add_argument("-o", "--output", type=Path, metavar="S.scope", help="where to record (default: in ~/Scope)")

    stop = _verb(verbs, "stop", "ask the recorder of a session to detach and save", "scope_gui.verbs.record:stop")
    _session(stop)

    doctor = _verb(
        verbs, "doctor", "say what attaching to a process needs and what is in the way", "scope_gui.verbs.record:doctor"
    )
    doctor.add_argument("pid", type=int, metavar="PID")
    _json(doctor)

    info = _verb(verbs, "info", "what a session holds", "scope_gui.verbs.read:info")
    _session(info)
    _json(info)

    frame = _verb(verbs, "frame", "the whole program at one instant", "scope_gui.verbs.read:frame")
    _session(frame)
    frame.add_argument(
        "--at", type=_time, required=True, metavar="TIME", help="1.5s, 250ms, 120000ns, 40%%, start or end"
    )
    frame.add_argument("--all", action="store_true", help="list threads that have ended, too")
    _json(frame)

    export = _verb(verbs, "export", "pictures of a session, without a display", "scope_gui.verbs.export:export")
    _session(export)
    _picture_flags(export)

    events = _verb(verbs, "events", "the recorded events of a stretch of time", "scope_gui.verbs.read:events")
    _session(events)
    events.add_argument("--from", dest="from_time", type=_time, default="start", metavar="TIME")
    events.add_argument("--to", dest="to_time", type=_time, default="end", metavar="TIME")
    events.add_argument(
        "--kind", action="append", default=[], help="only this kind (call, return, raise, ...); repeatable"
    )
    events.add_argument("--track", type=int, help="only this track_id")
    events.add_argument("--limit", type=_row_limit, default=1000, help="at most so many rows (default 1000; 0 = all)")
    _format(events)

    query = _verb(verbs, "query", "SQL over the tables of a session", "scope_gui.verbs.read:query")
    _session(query)
    query.add_argument("sql", metavar="SQL")
    _format(query)
    query.add_argument(
        "--max-rows",
        type=_row_limit,
        default=1_000_000,
        metavar="N",
        help="refuse a longer answer (0: any; 512 MiB at most)",
    )
    query.add_argument(
        "--max-seconds", type=_time_limit, default=600, metavar="SEC", help="end a query that takes longer (0: never)"
    )

    verify = _verb(verbs, "verify", "check every byte of a session", "scope_gui.verbs.keep:verify")
    _session(verify)
    _json(verify)

    recover = _verb(verbs, "recover", "finish a session whose recorder was killed", "scope_gui.verbs.keep:recover")
    recover.add_argument("session", type=Path, metavar="DIR")
    _json(recover)

    index = _verb(verbs, "index", "rebuild the caches of a session", "scope_gui.verbs.keep:index")
    _session(index)

    pack = _verb(verbs, "pack", "turn a session folder into one file", "scope_gui.verbs.keep:pack")
    _session(pack)
    pack.add_argument("-o", "--output", type=Path, help="default: in place of the folder")
    return parser


class _Version(argparse.Action):
    """Prints the version; looked up only when asked, because the metadata costs more than the rest of the start."""

    def __call__(self, *_: object) -> None:
        metadata = importlib.import_module("importlib.metadata")
        print(f"scope-gui {metadata.version('scope-gui')}")
        sys.exit(0)


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, help_text: str, handler: str
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=help_text, description=help_text[0].upper() + help_text[1:] + ".")
    parser.set_defaults(handler=handler)
    return parser


def _session(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", type=Path, metavar="S.scope")


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout and nothing else")


def _format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")


def _picture_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--at", type=_time, metavar="TIME", help="one picture, of this moment: 1.5s, 250ms, 40%%, start or end"
    )
    parser.add_argument("--view", choices=VIEWS, default="window", help="what is seen (default: the whole window)")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="F.png|DIR|F.gif", help="a PNG is replaced if it is there"
    )
    parser.add_argument("--size", default="1600x900", metavar="WxH", help="in pixels (default 1600x900)")
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--track", type=int, metavar="ID", help="pick this thread or process")
    parser.add_argument(
        "--mark", type=_time, metavar="TIME", help="compare with this moment: the inspector lists what changed"
    )
    parser.add_argument("--source", action="store_true", help="the source line of each call on the stack")
    parser.add_argument("--measure", choices=("calls", "time"), default="calls", help="what the building's height is")
    parser.add_argument(
        "--heat", choices=("activity", "cpu", "memory"), default="activity", help="what the supervision map's colour is"
    )
    stretch = parser.add_argument_group("a sequence, or what the timeline shows of a single picture")
    stretch.add_argument(
        "--from", dest="from_time", type=_time, metavar="TIME", help="where the stretch begins (default: start)"
    )
    stretch.add_argument("--to", dest="to_time", type=_time, metavar="TIME", help="where it ends (default: end)")
    stretch.add_argument("--fps", type=_per_second, metavar="N", help="pictures a second")
    stretch.add_argument("--speed", type=_seconds, metavar="X", help="seconds of the session in one (default 1)")
    stretch.add_argument("--frames", type=_pictures, metavar="N", help="so many pictures at equal steps instead")
    stretch.add_argument("--force", action="store_true", help="replace the pictures of an earlier sequence")


def _recording_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", type=Path, metavar="S.scope", help="where to record (default: here, by name and time)"
    )
    parser.add_argument("--duration", type=_seconds, metavar="SEC", help="stop by itself after so many seconds")
    parser.add_argument("--no-window", action="store_true", help="record without a window that follows it")
    # How the window hears its recorder, whose stderr is the program's own.
    parser.add_argument("--words-fd", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--mode", choices=("full", "state", "performance", "minimal", "observe"), default="full")
    parser.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="PAT",
        help="record these modules, files or functions (default: user code and the program started; '*' is everything)",
    )
    parser.add_argument("--exclude", action="append", default=[], metavar="PAT", help="leave these out")
    parser.add_argument(
        "--state", action="append", default=[], metavar="PAT", help="record attribute writes of these classes"
    )
    parser.add_argument(
        "--redact",
        action="append",
        default=[],
        metavar="NAME",
        help="hide what is held under a name with this in it, as with 'password' and the like",
    )
    parser.add_argument(
        "--when-full",
        choices=("drop", "block"),
        default="drop",
        help="when the disk cannot keep up: lose and count, or make the program wait",
    )
    parser.add_argument(
        "--memory",
        type=_mebibytes,
        default=32,
        metavar="MIB",
        help="most shared memory to use in the program (default 32)",
    )


_Number = TypeVar("_Number", int, float)


def _number(convert: Callable[[str], _Number], least: _Number, most: _Number, must_be: str) -> Callable[[str], _Number]:
    """A type for argparse. Comparing also keeps "nan" out."""

    def number(text: str) -> _Number:
        value = convert(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be {must_be}")
        return value

    return number


def _time(text: str) -> str:
    """A time as it was typed; where in a session it lies shows when that is open."""
    if not is_time(text):
        raise argparse.ArgumentTypeError(not_a_time(text))
    return text


_ABOVE_0 = math.ulp(0.0)
_seconds = _number(float, _ABOVE_0, 1e9, "above 0 and at most 1000000000")
_time_limit = _number(float, 0.0, 1e6, "0 to 1000000")
_per_second = _number(float, _ABOVE_0, 240.0, "above 0 and at most 240")
_row_limit = _number(int, 0, sys.maxsize, "0 or more")
_pictures = _number(int, 1, sys.maxsize, "1 or more")
_mebibytes = _number(int, 1, 4096, "1 to 4096")
