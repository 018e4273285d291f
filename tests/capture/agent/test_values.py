"""Arguments and results equal those that the program itself has logged, and no code of the program ran for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from capture.settings import CaptureSettings
from tests.capture.agent.poolfile import TYPE, Pool
from tests.capture.agent.recordings import Recording, script
from tests.capture.agent.words import SHOWN
from tests.interpreters import ONE_OF_EACH_WAY, Interpreter
from tests.targets import Launcher

Make = Callable[..., Recording]

LOG = """
import builtins, inspect, json, sys
LOG = []
def logged(function):
    signature = inspect.signature(function)
    def log_values(values):
        for value in values:
            LOG.append(["yield", function.__name__, shown(value)])
            yield value
    def logger(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        LOG.append(["call", function.__name__, {name: shown(value) for name, value in bound.arguments.items()}])
        result = function(*args, **kwargs)
        if inspect.isgenerator(result):
            return log_values(result)
        LOG.append(["return", function.__name__, shown(result)])
        return result
    return logger
"""

PROGRAM = """
class Quiet: pass
quiet = Quiet()
@logged
def positional(a, b, /, c): return b
@logged
def keywords(*, key, other="x" * 300): return other
@logged
def rest(first, *args, **kw): return args
@logged
def defaults(a=1, b=2.5, c=None, *, d=(1, 2)): return {"sum": a + b, 2: [a, [b, [c]]]}
@logged
def closed_over(x, y, *args, z=3, **kw):
    def inner(): return x, args, kw, z
    return inner()
@logged
def counts(n):
    for i in range(n):
        yield [i, str(i) * n]
class Thing:
    @logged
    def method(self, other): return self
    @classmethod
    @logged
    def of_class(cls, value): return value
    @staticmethod
    @logged
    def alone(value): return -value
identity = logged(lambda value: value)
positional(1, "two", 3.25)
keywords(key=True); keywords(key=..., other=b"raw\\x00bytes")
rest(quiet); rest(1, 2, 3, name="a name that is long", n=None)
defaults(); defaults(10, 0.1, "cut"); defaults(c=frozenset([7]))
closed_over(1, 2); closed_over("text" * 3, quiet, 3, 4, z=5.5, more={"k": "v"})
list(counts(4)); list(counts(0))
thing = Thing(); thing.method(quiet); Thing.of_class(5); thing.alone(7)
for value in (
    0, 1, -1, 255, -(2**30), 2**30 - 1, 2**30, 2**59 - 1, -(2**59), 2**59, 2**63, 2**64, 2**256 - 1, 2**256, -(2**300),
    0.0, -0.0, 1e300, float("inf"), True, False, None, ..., "", "a", "seven77", "eight888", "\\u00e9",
    "\\u00e9" * 150, "\\U0001f600" * 60, "half \\udc80", "nul\\0", "it's", "x" * 200, "x" * 201, "q" * 10_000,
    b"", b"12345678", b"z" * 500, [], (), {}, set(), frozenset(), [1], (1,), {1: 2}, {3}, list(range(100)),
    tuple("abcdefghij"), {n: str(n) for n in range(20)}, [[1, [2, [3]]], {"a": {"b": {"c": 1}}}],
    [quiet, Quiet, len, "text that is long enough", None], [0.5, 2**70, "\\u00e9\\u00e8"], range(3), complex(1, 2),
    bytearray(b"x"), type, object(), {"nested": {"list": ["deep", ["deeper", ["deepest"]]]}},
):
    identity(value)
    identity(value)
changing = [1]
for n in range(12):
    identity(changing); changing.append(n)
table = {"a": 1}
for n in range(12):
    identity(table); table["a"] = n; table["t" * n] = str(n)
print(json.dumps(LOG))
"""

FUNCTIONS = {"positional", "keywords", "rest", "defaults", "closed_over", "counts", "method", "of_class", "alone"}


def told(pool: Pool, functions: set[str]) -> list[list[object]]:
    """What the recording says of these functions, in order: as the program logs it."""
    lines: list[list[object]] = []
    for event in pool.events[1]:
        if event.kind not in ("call", "return", "yield"):
            continue
        name = pool.definitions[1][event.a][4]
        if name not in functions:
            continue
        if event.kind == "call":
            lines.append(["call", name, {name.lstrip("*"): value for name, value in pool.arguments(event).items()}])
        elif event.values is not None and not (event.kind == "return" and name == "counts"):
            lines.append([event.kind, name, event.values[0]])
    return lines


def test_arguments_and_results_equal_what_the_program_logs(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(tmp_path, SHOWN + LOG + PROGRAM)
    one = recording(mode="performance", values="on", exclude=["*:shown", "*:logged", "*:log*"])
    started = one.launch(target, interpreter, program)
    assert started.wait() == 0, started.output()
    logged = json.loads(started.output().splitlines()[-1])
    pool = one.read()
    assert told(pool, FUNCTIONS | {"<lambda>"}) == [line for line in logged if line[1] in FUNCTIONS | {"<lambda>"}]
    assert len(logged) > 200
    assert {"__main__.Quiet", "range", "object"} <= {fields[0] for fields in pool.definitions[TYPE].values()}


COUNTED = """
class Counted:
    ran = 0
    def _count(self, *_): type(self).ran += 1; return NotImplemented
    def __repr__(self): Counted.ran += 1; return "counted"
    def __getattr__(self, name): Counted.ran += 1; raise AttributeError(name)
    def __len__(self): Counted.ran += 1; return 3
    def __iter__(self): Counted.ran += 1; return iter(())
    def __bool__(self): Counted.ran += 1; return True
    def __hash__(self): Counted.ran += 1; return 1
    @property
    def __class__(self): Counted.ran += 1; return int
    __eq__ = __lt__ = __index__ = __str__ = __format__ = _count
class Listed(list):
    __iter__ = __len__ = __getitem__ = Counted._count
class Named(dict):
    __iter__ = __len__ = __getitem__ = keys = items = Counted._count
class Text(str):
    __str__ = __hash__ = __len__ = encode = Counted._count
class Number(int):
    __int__ = __index__ = __hash__ = bit_length = Counted._count
def f(x, *args, **kw): return [x, args]
def g(x):
    yield x
    yield {1: x}
one = Counted()
values = [one, [one, one], {"k": one}, (one,), Listed([1]), Named(a=1), Text("text"), Number(5)]
before = Counted.ran
for value in values:
    f(value, value, k=value)
    for _ in g(value): pass
assert Counted.ran == before, Counted.ran - before
print("ran", Counted.ran - before)
"""


def test_no_code_of_the_program_runs_to_tell_a_value(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    one = recording(mode="performance", values="on")
    started = one.launch(target, interpreter, script(tmp_path, COUNTED))
    assert started.wait() == 0, started.output()
    assert started.output().split() == ["ran", "0"]
    calls = [event for event in one.read().all_events() if event.kind == "call" and event.values]
    assert len([event for event in calls if len(event.values or ()) == 3]) == 8


SECRETS = """
class Client:
    def __init__(self, user, password): self.user = user
    def login(self, *, api_key): return {"token": api_key, "user": self.user, "nested": {"password": api_key}}
def get_secret(n): return "HIDDEN-by-the-functions-name"
def sends(headers, text): return text
def holds(passphrase):
    def later(): return passphrase
    return None
def pays(iban, amount): return amount
Client("ada", "HIDDEN-1").login(api_key="HIDDEN-2")
get_secret(1)
sends({"Authorization": "HIDDEN-3", "Accept": "*/*"}, "x" * 150 + " password=HIDDEN-4 " + "y" * 400)
sends([("Cookie", 1)], "https://ada:HIDDEN-5@example.org/ and sk-HIDDENHIDDENHIDDENHIDDEN")
sends({}, "z" * 190 + " ghp_HIDDENHIDDENHIDDENHIDDEN")
sends({}, b"pw=HIDDEN-6"); sends({}, "pw=HIDE")
holds("HIDDEN-7")
pays("HIDDEN-8", 5)
"""


def test_a_secret_never_leaves_the_program(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    one = recording(mode="performance", values="on", redact=["iban"])
    started = one.launch(target, interpreter, script(tmp_path, SECRETS))
    assert started.wait() == 0, started.output()
    for file in ("pool.bin", "defs.bin"):
        raw = (one.pool_dir / file).read_bytes()
        assert b"HIDDEN" not in raw
        assert b"HIDE" not in raw
    pool = one.read()
    arguments = [pool.arguments(event) for event in pool.all_events() if event.kind == "call" and event.values]
    assert [one["password"] for one in arguments if "password" in one] == ["<redacted>"]
    assert [one["amount"] for one in arguments if "amount" in one] == ["5"]
    headers = next(one["headers"] for one in arguments if "headers" in one)
    assert headers == "{'Authorization': <redacted>, 'Accept': '*/*'}"
    assert sum("redacted" in text for one in arguments for text in one.values()) == 10


FULL = """
import json
WANTED = []
def told(n, text, rest): return text
def wide(a, b, c, d, e, f, g, h): return [a, b, c, d, e, f, g, h]
for n in range(3000):
    text = str(n) * (n % 40)
    told(n, text, [text, n, {"n": text}])
    WANTED.append(["call", "told", dict(n=shown(n), text=shown(text), rest=shown([text, n, {"n": text}]))])
    WANTED.append(["return", "told", shown(text)])
for n in range(40):
    texts = [str(n) * 150 + letter for letter in "abcdefgh"]
    wide(*texts)
    WANTED.append(["call", "wide", {letter: shown(text) for letter, text in zip("abcdefgh", texts)}])
    WANTED.append(["return", "wide", shown(texts)])
print(json.dumps(WANTED))
"""


@pytest.mark.minors(*ONE_OF_EACH_WAY)
def test_what_does_not_fit_into_the_rest_of_a_chunk_is_whole_in_the_next_one(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    one = recording(mode="performance", values="on", exclude=["*:shown"])
    started = one.launch(target, interpreter, script(tmp_path, SHOWN + FULL))
    assert started.wait() == 0, started.output()
    pool = one.read()
    assert len({event.track for event in pool.all_events()}) == 1
    assert told(pool, {"told", "wide"}) == json.loads(started.output().splitlines()[-1])


HUGE = """
def huge(*args, **kw): return list(args)
def many({names}): return None
texts = [letter * 200 for letter in "abcdefgh"]
pairs = {{letter * 200: [letter.upper() * 200 + str(n) for n in range(8)] for letter in "abcdefgh"}}
huge(texts, [texts], pairs, (pairs, texts), *texts, **pairs)
many({values})
"""


def test_what_is_too_much_for_one_event_is_cut_and_said_to_be(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    text = HUGE.format(names=", ".join(f"p{n}" for n in range(100)), values=", ".join(map(str, range(100))))
    one = recording(mode="performance", values="on")
    started = one.launch(target, interpreter, script(tmp_path, text))
    assert started.wait() == 0, started.output()
    pool = one.read()
    by_name = {pool.definitions[1][event.a][4]: event for event in pool.all_events() if event.kind == "call"}
    whole = pool.arguments(by_name["huge"])
    assert whole["*args"].startswith("(['aaa")
    assert ", …" in whole["*args"]
    assert whole["**kw"][:1] in "{…"
    names = pool.definitions[1][by_name["many"].a][5].split(",")
    assert names == [f"p{n}" for n in range(100)]
    assert by_name["many"].values == tuple(map(str, range(64)))


LIVE = """
import sys, time
from pathlib import Path
def step(n): return n * 2
def phase(name):
    for n in range(5): step(n)
folder = Path(sys.argv[1])
for turn in range(4):
    print("ready", turn, flush=True)
    while not (folder / str(turn)).exists(): time.sleep(0.005)
    phase(turn)
"""


def test_values_go_on_and_off_while_something_is_recorded(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    one = recording(mode="performance")
    started = one.launch(target, interpreter, script(tmp_path, LIVE), tmp_path)
    for turn, values in enumerate(("off", "on", "off", "on")):
        started.wait_for_line(f"ready {turn}")
        orders = CaptureSettings.checked(mode="performance", values=values).live_orders()
        assert "problem" not in one.channel.request("configure", orders)
        (tmp_path / str(turn)).touch()
    assert started.wait() == 0, started.output()
    pool = one.read()
    phases: list[list[tuple[str, tuple[str, ...] | None]]] = []
    for event in pool.events[1]:
        name = pool.definitions[1].get(event.a, [""])[0]
        if event.kind == "call" and name == "phase":
            phases.append([])
        elif event.kind in ("call", "return") and name == "step":
            phases[-1].append((event.kind, event.values))
    said = [(kind, (str(n * (2 if kind == "return" else 1)),)) for n in range(5) for kind in ("call", "return")]
    unsaid = [(kind, None) for kind, _ in said]
    assert phases == [unsaid, said, unsaid, said]
