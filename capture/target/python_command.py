"""How a command line starts Python: which interpreter, its own options, and what it is to run.

Read the way the interpreter reads it, so that `python -Xdev -Wd -uc CODE` and a console script with a shebang
are understood as what they are. None means: not a Python program, or one that nothing can be put in front of
(a prompt, `--version`). Programs that only make room for another one (`env`, `timeout`, `uv run`) are looked through
where the Python is a word of theirs; only known ones, because `grep python app.py` starts no Python.
"""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from capture.own_process import bundle_launcher
from capture.target.python_build import PROGRAM_NAME
from capture.target.wrappers import wrapped_at

_FLAGS = frozenset("bBdEiIOPqRsSuvx")
_WITH_VALUE = frozenset("XW")
_LONG_WITH_VALUE = ("--check-hash-based-pycs",)
_SHEBANG_BYTES = 4096
_SHELL_TRAMPOLINE = re.compile(rb"""#!\s*/bin/sh\n'''exec'\s+"?([^"\n]+?)"?\s+"\$0"\s+"\$@"\n""")
"""What pip writes where the interpreter's path is too long for a shebang or has a space in it."""


class PythonCommand(NamedTuple):
    """`interpreter` and its `options`; `program` is a script, or -m MODULE, or -c CODE, and the program's arguments.

    A program that begins with '-' or '' is read from standard input. `wrapper`: the words in front of the interpreter,
    which is then a word and no path.
    """

    interpreter: str
    options: tuple[str, ...]
    program: tuple[str, ...]
    wrapper: tuple[str, ...] = ()

    def through(self, launcher: Path, config: Path) -> list[str]:
        """The command that runs the same program behind our launcher; -x is for the program's first line, not ours."""
        options = [kept for word in self.options if (kept := word.replace("x", "") if _is_flags(word) else word) != "-"]
        skips = ["-x"] if any(_is_flags(word) and "x" in word for word in self.options) else []
        return [*self.wrapper, self.interpreter, *options, str(launcher), str(config), *skips, "--", *self.program]


def parse_command(argv: list[str]) -> PythonCommand | None:
    """The Python program that `argv` starts; a script, -m or -c without interpreter runs under `plain_python`."""
    if not argv:
        return None
    first = argv[0]
    if first in ("-m", "-c"):
        return _parse_options(plain_python(), argv)
    found = shutil.which(first)
    if found and (PROGRAM_NAME.match(Path(first).name) or PROGRAM_NAME.match(Path(found).resolve().name)):
        return _parse_options(found, argv[1:])
    if found and (at := wrapped_at(argv)) and PROGRAM_NAME.match(Path(argv[at]).name):
        command = _parse_options(argv[at], argv[at + 1 :])
        return command._replace(wrapper=tuple(argv[:at])) if command else None
    if found:
        shebang = _shebang(Path(found))
        return _parse_options(shebang[0], [*shebang[1:], found, *argv[1:]]) if shebang else None
    if first.endswith((".py", ".pyz", ".pyw")) and Path(first).is_file():
        return _parse_options(plain_python(), argv)
    return None


def plain_python() -> str:
    """The interpreter of programs that are named without one: Scope's own, where their libraries are beside Scope's.

    The bundle's has nobody's libraries: there the one that a terminal would start comes first.
    """
    elsewhere = shutil.which("python3") if bundle_launcher() else None
    return elsewhere or sys.executable


def _parse_options(interpreter: str, words: list[str]) -> PythonCommand | None:
    at = 0
    while at < len(words):
        word = words[at]
        if word in _LONG_WITH_VALUE:
            at += 2
        elif word.startswith("--check-hash-based-pycs="):
            at += 1
        elif word == "--":
            return _command(interpreter, words[:at], words[at + 1 :])
        elif word == "-":
            return _from_stdin(interpreter, words[:at], words[at:])
        elif word.startswith("--"):
            return None
        elif not word.startswith("-"):
            return _command(interpreter, words[:at], words[at:])
        else:
            step = _cluster(word)
            if step is None:
                return None
            flags, last, value = step
            if last in ("m", "c"):
                rest = ([value] if value else []) + words[at + 1 :]
                return _command(interpreter, [*words[:at], *flags], [f"-{last}", *rest]) if rest else None
            at += 2 if last and not value else 1
    return _from_stdin(interpreter, words, [""])


def given_program(words: Sequence[str]) -> list[str] | None:
    """What a Python with this command line runs: a script, or -m MODULE, or -c CODE, and its arguments; None: a prompt.

    >>> given_program(["python3", "-W", "error", "app.py", "-v"])
    ['app.py', '-v']
    """
    command = _parse_options(words[0], list(words[1:])) if words else None
    return list(command.program) if command else None


def _from_stdin(interpreter: str, options: list[str], program: list[str]) -> PythonCommand | None:
    """A program that comes in through standard input; None for a prompt, which is a conversation."""
    if os.isatty(0) or any(_is_flags(word) and "i" in word for word in options):
        return None
    return PythonCommand(interpreter, tuple(options), tuple(program))


def _is_flags(word: str) -> bool:
    """Whether an option is letters without a value: -uB, not -Xdev, -W or --."""
    return word.startswith("-") and not word.startswith("--") and set(word[1:]) <= _FLAGS


def x_options(words: Sequence[str]) -> Iterator[str]:
    """The values of -X among an interpreter's options; `words` is a command line without its first word."""
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] not in ("-", "--"):
        step = None if words[at].startswith("--") else _cluster(words[at])
        _, last, value = step or ([], "", "")
        if last in ("m", "c"):
            return
        if last == "X":
            yield value or "".join(words[at + 1 : at + 2])
        at += 2 if (last and not value) or words[at] in _LONG_WITH_VALUE else 1


def _cluster(word: str) -> tuple[list[str], str, str] | None:
    """-uc1+1 as (['-u'], 'c', '1+1'): the flags, the letter that takes a value ('' if none), its value if attached."""
    for i, letter in enumerate(word[1:], 1):
        if letter in "mc" or letter in _WITH_VALUE:
            return ([f"-{word[1:i]}"] if i > 1 else []), letter, word[i + 1 :]
        if letter not in _FLAGS:
            return None
    return [word], "", ""


def _command(interpreter: str, options: list[str], program: list[str]) -> PythonCommand | None:
    return PythonCommand(interpreter, tuple(options), tuple(program)) if program and program[0] != "-" else None


def _shebang(path: Path) -> list[str] | None:
    """The interpreter and options of a script whose first line names a Python."""
    try:
        with path.open("rb") as file:
            head = file.read(_SHEBANG_BYTES)
    except OSError:
        return None
    if trampoline := _SHELL_TRAMPOLINE.match(head):
        words = [trampoline[1].decode(errors="replace")]
    elif head.startswith(b"#!"):
        words = shlex.split(head[2:].partition(b"\n")[0].decode(errors="replace"))
    else:
        return None
    if words and Path(words[0]).name == "env":
        words = words[2:] if words[1:2] == ["-S"] else words[1:]
    if not words or not PROGRAM_NAME.match(Path(words[0]).name):
        return None
    interpreter = shutil.which(words[0])
    return [interpreter, *words[1:]] if interpreter else None
