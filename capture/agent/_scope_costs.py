"""What the hooks cost in this process: small loops, timed by the recorder without them and with them.

Runs inside a target, on the agent's thread, before and after the recording is switched on; takes a few milliseconds.
`scope_gui/recording/overhead.py` says what becomes of the figures.
"""

# `recorder` is in this file's namespace when it runs.
# ruff: noqa: F821

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

    recorder: Any

_ROUNDS = 7
_CALLS = 400
_RAISES = 60
_NEW = 8


def _nothing() -> None:
    """What is called to find out what a call costs."""


def _calls() -> None:
    for _ in range(_CALLS):
        _nothing()


def _builtins() -> None:
    for _ in range(_CALLS):
        id(None)


def _fails() -> None:
    raise KeyError


def _raises() -> None:
    for _ in range(_RAISES):
        try:  # noqa: SIM105  contextlib may not be loaded here
            _fails()
        except KeyError:
            pass


def _sample(x: int = 3, y: int = 4) -> int:
    """A function as functions are: some calls, some attributes, a loop, a handler."""
    total = 0
    for n in range(x):
        if n % 2 and y:
            total += max(n, y)
        elif total.bit_length() > 8:
            total -= n.bit_length()
        else:
            total = total + len(str(n))
    try:
        total = int(total) + abs(y)
    except ValueError:
        total = -1
    return total


def _new_functions() -> None:
    make: Any = type(_sample)
    for _ in range(_NEW):
        make(_sample.__code__.replace(), globals(), "sample", (1, 2))()


LOOPS: "dict[str, tuple[Callable[[], None], tuple[CodeType, ...], bool, int]]" = {
    "recorded_calls": (_calls, (_calls.__code__, _nothing.__code__), True, _CALLS),
    "left_out_calls": (_calls, (_calls.__code__, _nothing.__code__), False, _CALLS),
    "builtins": (_builtins, (_builtins.__code__,), True, _CALLS),
    "recorded_raises": (_raises, (_raises.__code__, _fails.__code__), True, _RAISES),
    "left_out_raises": (_raises, (_raises.__code__, _fails.__code__), False, _RAISES),
    "new_functions": (_new_functions, (_new_functions.__code__,), False, _NEW),
}
"""The loop, what of it counts as recorded or as left out, and how often it does its one thing."""


def bare() -> "dict[str, int]":
    """CPU time of each loop in ns, before there are hooks."""
    by_function: dict[object, int] = {}
    for loop, _, _, _ in LOOPS.values():
        if loop not in by_function:
            by_function[loop] = recorder.calibrate(loop, None, False, _ROUNDS)
    return {name: by_function[row[0]] for name, row in LOOPS.items()}


def hooked(bare_ns: "dict[str, int]") -> "dict[str, list[int]]":
    """Of each loop [how often, CPU time in ns without hooks, with hooks]."""
    return {
        name: [count, bare_ns[name], recorder.calibrate(loop, codes, recorded, _ROUNDS)]
        for name, (loop, codes, recorded, count) in LOOPS.items()
    }
