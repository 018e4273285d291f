"""What the hooks cost in this process: small loops, timed by the recorder without them and with them.

Runs inside a target, on the agent's thread, before and after the recording is switched on; takes a few milliseconds.
`scope_gui/recording/overhead.py` says what becomes of the figures.
"""

# `recorder` is in this file's namespace when it runs.
# ruff: noqa: F821

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType
    from typing import Any

    recorder: Any

_ROUNDS = 11
_MORE_ROUNDS = 25  # of calls, whose price decides
_TURNS = 100
_CALLS = 300
_RAISES = 60
_NEW = 8


def _instructions() -> None:
    """A bit of everything that makes no call."""
    rows, names, total = [1, 2, 3, 4], {"a": 1}, 0
    for n in range(_TURNS):
        if n & 1 and total < _CALLS:
            total += rows[n & 3]
        elif n != 8:
            rows[n & 3] = total
        names["a"], total = total & 255, names["a"]


def _work(kept: "dict[int, int]", x: int, n: int) -> int:
    x += n * 3
    kept[n & 63] = x
    if x > 1_000_000:
        x = 0
    return x


def _nothing() -> None:
    pass


def _calls_of_work() -> None:
    """Every other function does something: among other instructions a hook takes longer than alone."""
    kept: dict[int, int] = {}
    x = 0
    for n in range(_CALLS // 2):
        x = _work(kept, x, n)
        _nothing()


def _numbers() -> "Iterator[int]":
    n = 0
    while n < _CALLS:
        yield n
        n += 1


def _resumes() -> None:
    x = 0
    for n in _numbers():
        x += n & 7


def _step(x: int) -> int:
    return x + 1


def _calls_amid_others() -> None:
    """Among other instructions a call through an evaluation function costs half as much again as alone."""
    x = 0
    for n in range(_CALLS):
        x = _step(x)
        x ^= abs(n) % 7


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


_make: "Any" = type(_instructions)
yard: "Callable[[], None]" = _make(_instructions.__code__.replace(), globals(), "yard")
"""Plain instructions that no hook slows down: what every time is measured against."""

LEFT_OUT, RECORDED, LOOKED_AT = 0, 1, 2

LOOPS: "dict[str, tuple[Callable[[], None], tuple[CodeType, ...], int, int]]" = {
    "recorded_calls": (_calls_of_work, (_calls_of_work.__code__, _work.__code__, _nothing.__code__), RECORDED, _CALLS),
    "left_out_calls": (_calls_amid_others, (_calls_amid_others.__code__, _step.__code__), LEFT_OUT, _CALLS),
    "builtins": (_builtins, (_builtins.__code__,), LOOKED_AT, _CALLS),
    "recorded_raises": (_raises, (_raises.__code__, _fails.__code__), RECORDED, _RAISES),
    "left_out_raises": (_raises, (_raises.__code__, _fails.__code__), LEFT_OUT, _RAISES),
    "new_functions": (_new_functions, (_new_functions.__code__,), LEFT_OUT, _NEW),
}
"""The loop, how the code objects of it count, and how often it does its one thing."""

if recorder.system("hexversion") < 0x030C0000:  # there a profile function may look at instructions
    LOOPS["instructions"] = (_instructions, (_instructions.__code__,), LOOKED_AT, _TURNS)
    LOOPS["resumes"] = (_resumes, (_resumes.__code__, _numbers.__code__), RECORDED, _CALLS)
    LOOPS["recorded_instructions"] = (_instructions, (_instructions.__code__,), RECORDED, _TURNS)


def _rounds(name: str) -> int:
    return _MORE_ROUNDS if name.endswith("_calls") else _ROUNDS


def bare() -> "dict[str, int]":
    """CPU time of each loop in ns, before there are hooks, and of the yardstick."""
    by_function: dict[object, int] = {}
    yard_ns = recorder.calibrate(yard, None, None, LEFT_OUT, _ROUNDS)
    for name, (loop, _, _, _) in LOOPS.items():
        if loop not in by_function:
            by_function[loop] = recorder.calibrate(yard, loop, None, LEFT_OUT, _rounds(name))
    return {"yard": yard_ns, **{name: by_function[row[0]] for name, row in LOOPS.items()}}


def _copy(name: str) -> "Callable[[], None]":
    """The same loop, calling copies of what it calls.

    From 3.12 on its calls have no hook, because it is left out; those of 3.10 and 3.11 the recorder takes out.
    """
    namespace: dict[str, Any] = dict(globals())
    loop, codes, _, _ = LOOPS[name]
    for code in codes:
        namespace[code.co_name] = _make(code.replace(), namespace, code.co_name)
    copy: Callable[[], None] = namespace[loop.__name__]
    return copy


def _in_turns(name: str) -> bool:
    """Whether a loop is timed in turns with a copy that has no hooks. When the two were timed one after the other, an
    event cost anything from 8 to 53 ns. From 3.12 on exceptions have hooks wherever they are raised."""
    return name == "recorded_calls" or recorder.system("hexversion") < 0x030C0000


def hooked(bare_ns: "dict[str, int]") -> "dict[str, list[int]]":
    """Of each loop [how often, CPU time in ns without hooks, with hooks]; of the yardstick [1, CPU time, CPU time]."""
    yard_ns = bare_ns["yard"]
    times = {"yard": [1, yard_ns, yard_ns]}
    for name, (loop, codes, how, count) in LOOPS.items():
        if _in_turns(name):
            by_copy = recorder.calibrate(_copy(name), loop, codes, how, _rounds(name))
            hooked_ns = by_copy * bare_ns[name] // yard_ns
        else:
            hooked_ns = recorder.calibrate(yard, loop, codes, how, _rounds(name))
        times[name] = [count, bare_ns[name], hooked_ns]
    return times
