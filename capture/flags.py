"""The capture flags: one row says everything about a flag, and whoever asks about flags derives from it.

The command line's words and help, the fields of the dialogs, what is allowed, what the session says of itself, and what
the agent is told. A new flag is one row in FLAGS and its use in the agent.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import msgspec

from capture.errors import WrongUsage
from capture.flight_words import kept_of, trigger_of

Value = str | int | tuple[str, ...]
Kind = Literal["choice", "text", "texts", "count"]

DEFAULT_CHUNKS = 512
"""Blocks of 64 KiB in a target's pool: SCOPE_DEFAULT_BLOCKS of native/scope_pool.h, 32 MiB at most."""

MAX_CHUNKS = 65536
"""4 GiB of pool: more than a burst can need, and a bound for a mistyped number."""

CHUNKS_PER_MIB = 16

MIB = 1 << 20

MOST_TRIGGERS, MOST_SHORT, MOST_TAIL_S = 64, 500, 3600

MAX_SESSION_BYTES = 1 << 44
"""16 TiB: more than a disk has, and what a spin box can show in MiB."""

MOST_HIDDEN, LONGEST_HIDDEN = 16, 63
"""Names of --redact, and bytes of one: SCOPE_MOST_OWN_NAMES of native/redaction.h. Each is searched in every value."""

USER_CLASSES = "user.*"
"""Of --state: the classes of the code that is recorded, at a rate (SCOPE_USER_CODE of native/recorder/filter.h)."""

MOST_PATTERNS, LONGEST_PATTERN = 4096, 1 << 16
"""Of --include, --exclude, --state and --lines each, and characters of one: what a manifest may hold (format.py)."""


class Mode(msgspec.Struct, frozen=True):
    """A value of --mode. `features`: a letter for each thing that the agent switches on (calls, raises, globals,
    attributes); `sees`: what a session of this mode can answer.
    """

    name: str
    words: str
    features: str
    sees: tuple[str, ...]


MODES: tuple[Mode, ...] = (
    Mode(
        "full", "Everything: calls, exceptions, state", "crga", ("calls", "exceptions", "threads", "states", "metrics")
    ),
    Mode("performance", "Calls and exceptions, no state", "cr", ("calls", "exceptions", "threads", "metrics")),
    Mode("state", "State only, no calls", "ga", ("states", "threads", "metrics")),
    Mode("minimal", "Exceptions only", "r", ("exceptions", "threads", "metrics")),
    Mode("observe", "Only from outside: memory, CPU, threads", "", ("metrics", "threads")),
)


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """One capture flag.

    `name` is that in the settings and in the session's facts, `agent_key` that in the agent's orders ("": the agent
    has no use for it), `feature` the letter that it adds to the mode's where it is on, `features` those of other
    choices, where the mode has the letter that it `needs`, `option` that on the command line, where a count is in
    units of `unit` (`--memory 32` is 512 chunks). `form` refuses texts that make no sense. `least` and `most` bound a
    count, or how many texts there may be, `longest` the characters of each (`in_bytes`: its bytes); `none` is a text
    that alone means that there are to be none. `label` and `hint` are the dialog's, `least_is` says there what the
    least count means; `is_live`: it may change while something is recorded, else `fixed` says why not.
    """

    name: str
    option: str
    kind: Kind
    default: Value
    help: str
    label: str
    hint: str = ""
    least_is: str = ""
    metavar: str | None = None
    choices: tuple[tuple[str, str], ...] = ()
    least: int = 0
    most: int = MOST_PATTERNS
    longest: int = LONGEST_PATTERN
    in_bytes: bool = False
    none: str = ""
    unit: int = 1
    form: Callable[[str], object] | None = None
    agent_key: str = ""
    feature: str = ""
    features: tuple[tuple[str, str], ...] = ()
    needs: str = ""
    is_live: bool = False
    fixed: str = ""

    def checked(self, value: object) -> Value:
        """The value, as the settings keep it. Raises: WrongUsage with one sentence when it makes no sense."""
        if self.kind == "texts" and isinstance(value, list | tuple):
            if self.none and list(value) == [self.none]:
                return ()
            return tuple(map(self._checked_text, value)) if len(value) <= self.most else self._refuse_number()
        if self.kind == "text" and isinstance(value, str):
            return self._checked_text(value) if value.strip() else ""
        if self.kind == "choice" and isinstance(value, str) and value in dict(self.choices):
            return value
        if self.kind == "count" and type(value) is int and self.least <= value <= self.most:
            return value
        raise WrongUsage(f"{self.option} takes {self.takes()}, not {_short(value)}.")

    def words(self, value: Value) -> Iterator[str]:
        """The words of the command line that say this value.

        >>> list(BY_NAME["include"].words(("orders.*", "my pkg"))), list(BY_NAME["chunk_count"].words(1024))
        (['--include', 'orders.*', '--include', 'my pkg'], ['--memory', '64'])
        """
        if not value and self.none:
            yield from (self.option, self.none)
        for one in value if isinstance(value, tuple) else (value,):
            yield from (self.option, str(one // self.unit if isinstance(one, int) else one))

    def add_to(self, parser: argparse._ActionsContainer) -> None:
        """Has a parser of the command line take it; what is not typed is not in what it reads."""
        help_text = self.help.replace("%", "%%")
        if self.kind == "texts":
            parser.add_argument(
                self.option, dest=self.name, action="append", default=argparse.SUPPRESS, metavar=self.metavar,
                help=help_text,
            )  # fmt: skip
        elif self.kind == "text":
            parser.add_argument(
                self.option, dest=self.name, default=argparse.SUPPRESS, metavar=self.metavar, help=help_text
            )
        elif self.kind == "choice":
            names = [name for name, _ in self.choices]
            parser.add_argument(self.option, dest=self.name, choices=names, default=argparse.SUPPRESS, help=help_text)
        else:
            parser.add_argument(
                self.option, dest=self.name, type=self._count, default=argparse.SUPPRESS, metavar=self.metavar,
                help=help_text,
            )  # fmt: skip

    def add_change_to(self, parser: argparse._ActionsContainer) -> None:
        """Has a parser take another value for a recording that runs; what is not typed stays as it is there."""
        self.add_to(parser)
        if self.kind == "texts":
            parser.add_argument(
                f"--no-{self.option.removeprefix('--')}", dest=self.name, action="store_const", const=[],
                default=argparse.SUPPRESS, help=f"no {self.option} any more",
            )  # fmt: skip

    def _count(self, text: str) -> int:
        value = int(text) * self.unit
        if not self.least <= value <= self.most:
            raise argparse.ArgumentTypeError(f"must be {self.takes()}")
        return value

    def letter(self, value: Value) -> str:
        """What the value adds to the letters of the mode.

        >>> BY_NAME["exceptions"].letter("all"), BY_NAME["values"].letter("on"), BY_NAME["values"].letter("off")
        ('y', 'v', '')
        """
        return self.feature if value == "on" else dict(self.features).get(str(value), "")

    def takes(self) -> str:
        """Which values it may have, in words."""
        if self.kind == "count":
            return f"{-(-self.least // self.unit)} to {self.most // self.unit}"
        return f"one of {', '.join(dict(self.choices))}" if self.kind == "choice" else self.kind

    def _refuse_number(self) -> tuple[str, ...]:
        raise WrongUsage(f"{self.option} may be given {self.most} times.")

    def _checked_text(self, text: object) -> str:
        if not isinstance(text, str):
            raise WrongUsage(f"{self.option} takes texts, not {_short(text)}.")
        if not text.strip():
            raise WrongUsage(f"{self.option} {shlex.quote(text)} is empty: it names nothing.")
        if "\0" in text:
            raise WrongUsage(f"{self.option} names nothing with a zero byte in it.")
        if text.startswith("thread:") and not text.removeprefix("thread:").strip():
            raise WrongUsage(f"{self.option} {shlex.quote(text)} names no thread.")
        if (len(text.encode("utf-8", "backslashreplace")) if self.in_bytes else len(text)) > self.longest:
            unit = "bytes" if self.in_bytes else "characters"
            raise WrongUsage(f"What {self.option} names may have {self.longest} {unit}.")
        if self.form is not None:
            self.form(text)
        return text


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"


FLAGS: tuple[Flag, ...] = (
    Flag(
        name="mode",
        option="--mode",
        kind="choice",
        default="full",
        choices=tuple((mode.name, mode.words) for mode in MODES),
        help="what to record (default full)",
        label="&Record",
        agent_key="mode",
        is_live=True,
    ),
    Flag(
        name="include",
        option="--include",
        kind="texts",
        default=(),
        metavar="PAT",
        help="record these modules, files or functions (default: user code and the program started; '*' is everything)",
        label="&Only these modules or files",
        hint="user code; orders.*, http.server, * for everything",
        agent_key="include",
        is_live=True,
    ),
    Flag(
        name="exclude",
        option="--exclude",
        kind="texts",
        default=(),
        metavar="PAT",
        help="leave these out",
        label="&Leave out",
        hint="nothing; orders.audit, thread:poller-*",
        agent_key="exclude",
        is_live=True,
    ),
    Flag(
        name="state",
        option="--state",
        kind="texts",
        default=(USER_CLASSES,),
        metavar="PAT",
        none="off",
        help="record attribute writes of these classes, each of them; 'user.*' is user code, at a rate; 'off' is none",
        label="Watch the &state of",
        hint="module globals; orders.inventory.Stock: attributes of a class; user.*: of yours, at a rate",
        agent_key="state",
        is_live=True,
    ),
    Flag(
        name="lines",
        option="--lines",
        kind="texts",
        default=(),
        metavar="PAT",
        help="record every line of these modules, files or functions, with what it does to local variables ('user.*': "
        "all user code; Python 3.12 and newer)",
        label="Record the &lines of",
        hint="nothing; orders.*, orders:Stock.*, user.* for all user code",
        agent_key="lines",
        is_live=True,
    ),
    Flag(
        name="values",
        option="--values",
        kind="choice",
        default="on",
        choices=(("on", "With arguments and results"), ("off", "Without arguments and results")),
        help="record what functions are called with and what they return (default on)",
        label="&Calls",
        agent_key="values",
        feature="v",
        needs="c",
        is_live=True,
    ),
    Flag(
        name="exceptions",
        option="--exceptions",
        kind="choice",
        default="rate",
        choices=(
            ("off", "Without local variables"),
            ("rate", "With local variables, often enough"),
            ("all", "With local variables, each one"),
        ),
        help="record the local variables of all frames of exceptions: of none, of the first three of each type and "
        "line and then ten a second, or of all (default rate)",
        label="E&xceptions",
        features=(("rate", "x"), ("all", "y")),
        needs="r",
        is_live=True,
    ),
    Flag(
        name="never_run",
        option="--never-run",
        kind="choice",
        default="on",
        choices=(("on", "Yes, on Python 3.12 and newer"), ("off", "No")),
        help="tell which lines of recorded functions never ran (default on; Python 3.12 and newer, not with --flight)",
        label="&Tell which lines never ran",
        feature="n",
        needs="c",
        is_live=True,
    ),
    Flag(
        name="output",
        option="--output",
        kind="choice",
        default="on",
        choices=(("on", "Record what is printed, logged and warned of"), ("off", "Do not record it")),
        help="record what the program prints, logs and warns of (default on)",
        label="&Output",
        agent_key="output",
        feature="o",
        is_live=True,
    ),
    Flag(
        name="redact",
        option="--redact",
        kind="texts",
        default=(),
        metavar="NAME",
        most=MOST_HIDDEN,
        longest=LONGEST_HIDDEN,
        in_bytes=True,
        help="hide what is held under a name with this in it, as with 'password' and the like",
        label="&Hide what is called",
        hint="password, token and the like; iban, card_number",
        agent_key="redact",
        fixed="values under these names are in it already",
    ),
    Flag(
        name="when_full",
        option="--when-full",
        kind="choice",
        default="drop",
        choices=(("drop", "Lose events and count them"), ("block", "Make the program wait")),
        help="when the disk cannot keep up: lose and count, or make the program wait",
        label="When the &disk cannot keep up",
        agent_key="when_full",
        is_live=True,
    ),
    Flag(
        name="max_size",
        option="--max-size",
        kind="count",
        default=0,
        metavar="MIB",
        most=MAX_SESSION_BYTES,
        unit=MIB,
        help="stop when the session takes so much of the disk, journal included (default: no limit)",
        label="S&top when the session takes",
        hint=" MiB of the disk",
        least_is="no limit",
        fixed="its journal is laid out for it when it begins",
    ),
    Flag(
        name="flight",
        option="--flight",
        kind="text",
        default="",
        metavar="SEC|MIB",
        longest=MOST_SHORT,
        help="keep only the last 30s, or 64MiB, and save it when a --trigger says so; else nothing is kept",
        label="&Flight recorder: keep the last",
        hint="nothing is forgotten; 30s, 5m, 64MiB",
        form=kept_of,
        fixed="what came before is in the session, or forgotten, already",
    ),
    Flag(
        name="trigger",
        option="--trigger",
        kind="texts",
        default=(),
        metavar="SPEC",
        most=MOST_TRIGGERS,
        longest=MOST_SHORT,
        help="with --flight, save at: exception (leaves the recorded functions), exception:TYPE, slow:FUNC>250ms, "
        "signal (SIGUSR2 to the recorder); a program that is killed and `scope-gui trigger` do it always",
        label="Sa&ve the flight at",
        hint="a kill; exception:KeyError, slow:orders.*>1s, signal",
        form=trigger_of,
        is_live=True,
    ),
    Flag(
        name="tail",
        option="--tail",
        kind="count",
        default=1,
        metavar="SEC",
        most=MOST_TAIL_S,
        help="with --flight, record so many seconds more before it is saved (default 1)",
        label="And &go on after that for",
        hint=" s",
        is_live=True,
    ),
    Flag(
        name="chunk_count",
        option="--memory",
        kind="count",
        default=DEFAULT_CHUNKS,
        metavar="MIB",
        least=1,
        most=MAX_CHUNKS,
        unit=CHUNKS_PER_MIB,
        help="most shared memory to use in the program (default 32)",
        label="At &most",
        hint=" MiB of shared memory",
        agent_key="chunk_count",
        fixed="the memory is laid out when it begins",
    ),
)
BY_NAME: Mapping[str, Flag] = {flag.name: flag for flag in FLAGS}


def mode_named(name: object) -> Mode | None:
    """The mode of that name; None for one that a newer Scope has recorded in."""
    return next((mode for mode in MODES if mode.name == name), None)


def add_flags(parser: argparse._ActionsContainer) -> None:
    """Has a parser of the command line take every capture flag."""
    for flag in FLAGS:
        flag.add_to(parser)


def given_flags(arguments: argparse.Namespace) -> dict[str, object]:
    """What a parser has read, by the flags' names."""
    return {flag.name: getattr(arguments, flag.name) for flag in FLAGS if hasattr(arguments, flag.name)}
