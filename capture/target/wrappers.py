"""Programs that only make room for another one: `env A=1 python app.py`, `timeout 5 python x.py`, `uv run python x.py`.

Their words are read the way they read them, because a word in the wrong place would change what is run: `env echo
python` starts no Python. With an option that is not in these tables nothing is assumed.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Wrapper(NamedTuple):
    """The options with a value of their own, those without, and how many words come before the command."""

    with_value: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    operands: int = 0


def _wrapper(with_value: str = "", without: str = "", operands: int = 0) -> Wrapper:
    return Wrapper(frozenset(with_value.split()), frozenset(without.split()), operands)


WRAPPERS = {
    "env": _wrapper("-u --unset -C --chdir", "-i --ignore-environment - -v --debug"),
    "nice": _wrapper("-n --adjustment"),
    "nohup": _wrapper(),
    "setsid": _wrapper("", "-c --ctty -f --fork -w --wait"),
    "ionice": _wrapper("-c --class -n --classdata", "-t --ignore"),
    "stdbuf": _wrapper("-i --input -o --output -e --error"),
    "taskset": _wrapper("", "-c --cpu-list -a --all-tasks", operands=1),
    "chrt": _wrapper("", "-b --batch -f --fifo -i --idle -o --other -r --rr -R --reset-on-fork", operands=1),
    "timeout": _wrapper("-k --kill-after -s --signal", "--foreground --preserve-status -v --verbose", operands=1),
    "time": _wrapper("-f --format -o --output", "-p --portability -v --verbose -a --append"),
}
_UV = "--frozen --locked --no-sync --isolated --active --exact --no-project --no-dev --dev --all-extras --offline -q -v"
RUNNERS = {
    "uv": _wrapper(
        "--with --with-requirements --extra --group --package -p --python --directory --project --env-file", _UV
    ),
    "poetry": _wrapper(),
    "pipenv": _wrapper(),
    "pdm": _wrapper("", "-s --site-packages"),
    "hatch": _wrapper(),
    "rye": _wrapper(),
    "pixi": _wrapper("-e --environment --manifest-path", "--frozen --locked"),
    "conda": _wrapper("-n --name -p --prefix --cwd", "--no-capture-output --live-stream -v"),
    "mamba": _wrapper("-n --name -p --prefix", "--no-capture-output --live-stream"),
    "micromamba": _wrapper("-n --name -p --prefix"),
}


def wrapped_at(argv: list[str]) -> int:
    """Where the wrapped command begins, through any number of wrappers; 0 if `argv` is none or cannot be read.

    >>> wrapped_at(["env", "-u", "HOME", "A=1", "nice", "python3", "app.py"])
    5
    >>> wrapped_at(["env", "echo", "python3"])
    1
    """
    at = 0
    while at < len(argv):
        name = Path(argv[at]).name
        if name in WRAPPERS:
            after = _after_options(argv, at + 1, WRAPPERS[name])
        elif name in RUNNERS and argv[at + 1 : at + 2] == ["run"]:
            after = _after_options(argv, at + 2, RUNNERS[name])
        else:
            return at
        if after is None:
            return 0
        at = after
        while name == "env" and at < len(argv) and "=" in argv[at]:
            at += 1
    return 0


def _after_options(argv: list[str], at: int, wrapper: Wrapper) -> int | None:
    while at < len(argv) and argv[at].startswith("-"):
        word, equals, _ = argv[at].partition("=")
        at += 1
        if word == "--":
            break
        if word in wrapper.with_value:
            at += 0 if equals else 1
        elif word not in wrapper.without:
            return None
    return at + wrapper.operands
