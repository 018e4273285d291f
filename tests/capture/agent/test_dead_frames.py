"""The frames of exceptions: lines and locals are those that the program finds in the traceback and in its stack."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from capture.events.kinds import DeadFrameFlag
from tests.capture.agent.poolfile import EXCEPTION, SITE, Event, Pool
from tests.capture.agent.recordings import Recording, script
from tests.capture.agent.words import SHOWN
from tests.interpreters import ONE_OF_EACH_WAY, Interpreter
from tests.targets import Launcher

Make = Callable[..., Recording]
HELPERS = ["*:shown*", "*:attempt*", "*:local_*"]

WITNESS = (
    SHOWN
    + """
import json, sys, traceback
LOG = []
def local_values(frame):
    if not frame.f_code.co_flags & 1:
        return {}
    told = {name: shown(value) for name, value in frame.f_locals.items() if name[0] != "."}
    told.update(password="<redacted>") if "password" in told else None
    return {name: value.replace("'HIDDEN-1'", "<redacted>") for name, value in told.items()}
def attempt(function, *args):
    try:
        function(*args)
    except BaseException as error:
        frames, entry = [], error.__traceback__.tb_next
        while entry:
            if entry.tb_frame.f_code.co_filename == __file__:
                frames.append([entry.tb_frame.f_code.co_name, entry.tb_lineno, local_values(entry.tb_frame)])
            entry = entry.tb_next
        outer = sys._getframe(1)
        LOG.append([type(error).__name__, frames[::-1] + [[outer.f_code.co_name, outer.f_lineno, local_values(outer)]]])
"""
)

PROGRAM = """
class Quiet:
    def __init__(self, n): self.n = n
    def method(self, other, *rest, key=None, **more):
        mine = [other, self]
        raise KeyError("gone", other)
    @property
    def broken(self):
        raise AttributeError("broken")
def deep(n, password):
    text = "x" * n
    if n == 0:
        table = {"a": [1, 2], "secret": "HIDDEN-1"}
        raise ValueError("bottom")
    deep(n - 1, password)
def closed_over(x, y):
    z = [x]
    def inner(w):
        nonlocal x
        x = x + w
        z.append(w)
        return 1 / (w - w)
    return inner(y)
def unbound(flag):
    if flag:
        late = 1
    early = 2
    del early
    return late
def numbers(n):
    for i in range(n):
        held = str(i) * i
        yield i
    raise LookupError
def drains(n):
    total = 0
    for one in numbers(n):
        total += one
async def waits(n):
    await goes_on(n)
async def goes_on(n):
    raise OSError(n, "no file")
def runs(n):
    waits(n).send(None)
def library(text):
    import json
    return json.loads(text)
def wide():
    a, b, c, d, e, f, g, h = 0.5, True, None, b"raw", (1, 2), {3}, {"k": "v"}, "long enough to be a text " * 9
    i, j, k = 2**70, -5, ...
    assert not i
def all_of(run, *args):
    run(Quiet(1).method, 2, 3)
    run(lambda: Quiet(2).broken)
    run(deep, 3, "HIDDEN-2")
    run(closed_over, 1, 2)
    run(unbound, False)
    run(drains, 3)
    run(runs, 7)
    run(wide)
    run(library, "{bad")
    run(lambda x, *y: x[y], [1], 2)
"""


class Told(NamedTuple):
    """An exception of a recording: its type, and of each frame the function, the line, what is bound, and its flags."""

    type: str
    frames: list[tuple[str, int, dict[str, str | None], int]]


def autopsies(pool: Pool, track: int = 1) -> Iterator[Told]:
    """Every exception of a track, with the frames that were told of it."""
    events = pool.events[track]
    for at, event in enumerate(events):
        if event.kind == "raise":
            yield Told(pool.definitions[EXCEPTION][event.b][0], [_frame(pool, one) for one in _behind(events, at)])


def _behind(events: list[Event], at: int) -> Iterator[Event]:
    for event in events[at + 1 :]:
        if event.kind != "dead_frame":
            return
        assert event.ticks == events[at].ticks, "a frame is of the instant of its raise"
        yield event


def _frame(pool: Pool, event: Event) -> tuple[str, int, dict[str, str | None], int]:
    bound = {change.name: change.value for change in event.local_changes}
    return pool.definitions[SITE][event.a][4], event.object, bound, event.flags


def test_lines_and_locals_of_all_frames_equal_those_that_the_program_finds(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(tmp_path, WITNESS + PROGRAM + "all_of(attempt, 1)\nprint(json.dumps(LOG))\n")
    one = recording(mode="performance", values="off", exceptions="all", exclude=HELPERS)
    started = one.launch(target, interpreter, program)
    assert started.wait() == 0, started.output()
    logged = json.loads(started.output().splitlines()[-1])
    told = list(autopsies(one.read()))
    assert [one.type.rpartition(".")[2] for one in told] == [kind for kind, _ in logged]
    for exception, (_, frames) in zip(told, logged, strict=True):
        seen = [[name, line, bound] for name, line, bound, _ in exception.frames]
        assert seen[: len(frames)] == frames
        assert [name for name, *_ in seen[len(frames) :]] == ["<module>"]
        passed = [flags & DeadFrameFlag.PASSED for *_, flags in exception.frames]
        assert passed == [1] + [0] * (len(passed) - 1), "it is told where it is raised"
    assert any(bound.get("password") == "<redacted>" for one in told for _, _, bound, _ in one.frames)
    for file in ("pool.bin", "defs.bin"):
        assert b"HIDDEN" not in (one.pool_dir / file).read_bytes()


QUIET = """
class Counted(Exception):
    ran = 0
    def _count(self, *_): Counted.ran += 1; return NotImplemented
    def __repr__(self): Counted.ran += 1; return "counted"
    def __getattr__(self, name): Counted.ran += 1; raise AttributeError(name)
    def __hash__(self): Counted.ran += 1; return 1
    __eq__ = __lt__ = __str__ = __format__ = __len__ = __bool__ = __iter__ = _count
def raises(one, held):
    also = [one, {"k": one}]
    raise one
for n in range(5):
    one = Counted(1)
    before = Counted.ran
    try:
        raises(one, (one,))
    except Counted:
        pass
    assert Counted.ran == before
print("ran", Counted.ran)
"""


def test_no_code_of_the_program_runs_for_it(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    one = recording(mode="performance", exceptions="all")
    started = one.launch(target, interpreter, script(tmp_path, QUIET))
    assert started.wait() == 0, started.output()
    assert started.output().split() == ["ran", "0"]
    told = [one for one in autopsies(one.read()) if one.type == "__main__.Counted"]
    assert [[name for name, *_ in one.frames] for one in told] == [["raises", "<module>"]] * 5


STORM = """
def storms(n):
    for i in range(n):
        try:
            raise ValueError(i) if i % 2 else KeyError(i)
        except LookupError: pass
        except ValueError: pass
def once(i):
    try:
        raise OSError(i)
    except OSError: pass
storms(20_000)
once(1); once(2)
"""


@pytest.mark.minors(*ONE_OF_EACH_WAY)
@pytest.mark.parametrize("exceptions", ["off", "rate", "all"])
def test_every_exception_is_told_and_of_a_storm_a_few_with_their_frames(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path, exceptions: str
) -> None:
    one = recording(mode="performance", values="off", exceptions=exceptions, chunk_count=2048)
    started = one.launch(target, interpreter, script(tmp_path, STORM))
    assert started.wait() == 0, started.output()
    told = list(autopsies(one.read()))
    assert Counter(one.type for one in told) == {"ValueError": 10_000, "KeyError": 10_000, "OSError": 2}
    opened = Counter(one.type for one in told if one.frames)
    if exceptions == "all":
        assert opened == {"ValueError": 10_000, "KeyError": 10_000, "OSError": 2}
    elif exceptions == "off":
        assert not opened
    else:
        assert opened.pop("OSError") == 2
        assert all(3 <= count <= 200 for count in opened.values())
        first = [bool(one.frames) for one in told if one.type == "KeyError"]
        assert first[:3] == [True] * 3
