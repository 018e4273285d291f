"""A command line from its words to its exit code: the verbs and their flags are those of `verbs.registry`.

Exit 0 done, 1 failed with one clear sentence on stderr, 2 wrong usage. Of the verbs only the one that was typed is
imported: an attach must not wait for the table libraries.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import logging
import sys
from collections.abc import Sequence
from typing import Any, cast

from capture.errors import ScopeError, WrongUsage
from capture.named import named
from capture.shown_text import one_line
from scope_gui.display import of_qt
from scope_gui.streams import AnswerLost, drop_answers
from scope_gui.verbs import registry
from scope_gui.verbs.registry import DONE, FAILED, GROUPS, WRONG_USAGE, Verb

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # where nobody keeps a log, standard error has been told already


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb and gives its exit code."""
    code = DONE
    try:
        code = _run(argv)
        sys.stdout.flush()  # here, where a closed pipe is understood
    except ScopeError as problem:
        if isinstance(problem, AnswerLost):
            drop_answers()
        print(f"scope-gui: {one_line(str(problem))}", file=sys.stderr)
        _log.warning("%s", one_line(str(problem)))
        return WRONG_USAGE if isinstance(problem, WrongUsage) else FAILED
    except PermissionError as error:  # of a file in a folder that is shut to us, whatever pathlib is asked about it
        if not isinstance(error.filename, str):
            raise
        print(f"scope-gui: {one_line(f'{error.filename} cannot be looked at: {error.strerror}.')}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        drop_answers()  # their reader (head, less) has gone, which is its right and no failure of ours
    except KeyboardInterrupt:
        print("scope-gui: interrupted", file=sys.stderr)
        return FAILED
    return code


def _run(argv: Sequence[str] | None) -> int:
    parser = build_parser()
    try:
        arguments = parser.parse_args(argv)
        if arguments.desktop and arguments.verb:
            parser.error("--install-desktop and --uninstall-desktop go without a verb")
    except SystemExit as end:  # help and version are answers like others; 2 after a wrong word
        return end.code if isinstance(end.code, int) else DONE
    if arguments.verb:
        return cast(int, named(f"{registry.verb_named(arguments.verb).module}:run")(arguments))
    if arguments.desktop:
        return cast(int, named(f"scope_gui.desktop.desktop:{arguments.desktop}_desktop")(arguments))
    return cast(int, of_qt("scope_gui.window.app:welcome")(arguments))


def verb_of(words: Sequence[str]) -> str:
    """The verb that a command line begins with; "window" without one."""
    return words[0] if words and words[0] in {verb.name for verb in registry.VERBS} else "window"


def build_parser() -> argparse.ArgumentParser:
    """Every verb of the command line; made once, it keeps nothing of what it has parsed."""
    return _parser(registry.VERBS)


@functools.cache
def _parser(verbs: tuple[Verb, ...]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scope-gui",
        description="Record a running program and look at any moment of its past.",
        epilog=_verbs_by_group(verbs),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    for flag, what in (
        ("install", "add Scope to this user's desktop: menu, icon, .scope files"),
        ("uninstall", "undo it"),
    ):
        parser.add_argument(f"--{flag}-desktop", dest="desktop", action="store_const", const=flag, help=what)
    chosen = parser.add_subparsers(
        dest="verb", metavar="VERB", help="without one: the window", parser_class=_VerbParser
    )
    for verb in verbs:
        chosen.add_parser(verb.name, verb=verb)
    return parser


class _VerbParser(argparse.ArgumentParser):
    """The flags of one verb, asked for when it is typed."""

    def __init__(self, *, verb: Verb, **options: Any) -> None:
        codes = [f"  {code:<4} {when}" for code, when in verb.codes]
        super().__init__(
            description=verb.help[0].upper() + verb.help[1:] + ".",
            epilog="\n".join(["exit codes:", *codes]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **options,
        )
        self._verb: Verb | None = verb

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._verb is not None:
            named(f"{self._verb.module}:flags")(self)
            self._verb = None
        return super().parse_known_args(args, namespace)


def _verbs_by_group(verbs: Sequence[Verb]) -> str:
    lines: list[str] = []
    for group, purpose in GROUPS.items():
        lines += [f"verbs {purpose}:", *(f"  {verb.name:<10} {verb.help}" for verb in verbs if verb.group == group), ""]
    return "\n".join([*lines, "`scope-gui VERB --help` says more of one."])


class _Version(argparse.Action):
    """Prints the version; looked up only when asked, because the metadata costs more than the rest of the start."""

    def __call__(self, *_: object) -> None:
        metadata = importlib.import_module("importlib.metadata")
        print(f"scope-gui {metadata.version('scope-gui')}")
        sys.exit(0)
