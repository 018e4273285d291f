"""Attributes of the user's classes without asking: at a rate, and nothing is told that was not so."""

from __future__ import annotations

import json
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from capture.events.kinds import StateFlag
from tests.capture.agent.poolfile import Event, Pool
from tests.capture.agent.recordings import DOOR, PATIENCE_S, Recording, script
from tests.interpreters import Interpreter
from tests.targets import Launcher

Make = Callable[..., Recording]
UNSURE = StateFlag.SAMPLED | StateFlag.MUTABLE


@pytest.fixture
def users() -> Iterator[Recording]:
    """A recording of the user's classes, none of them named."""
    one = Recording(mode="state", state=["user.*"])
    yield one
    one.close()


def run(one: Recording, target: Launcher, interpreter: Interpreter, program: Path) -> tuple[Pool, str]:
    """What was recorded of a program, and what it printed."""
    started = one.launch(target, interpreter, program)
    assert started.wait(PATIENCE_S) == 0, started.output()
    return one.read(), started.output()


def told_of(pool: Pool, owner: str, key: str) -> dict[int, list[Event]]:
    """{instance: its states of that name, in order}"""
    keys, found = pool.definitions[3], defaultdict(list)
    for event in sorted(pool.all_events(), key=lambda event: event.ticks):
        if event.kind == "state" and event.object and keys[event.a][:2] == [owner, key]:
            found[event.object].append(event)
    return found


def unseen(pool: Pool) -> list[list[str]]:
    return list(pool.definitions.get(6, {}).values())


HOT = """
import json
class Counted:
    def __init__(self): self.calm = 'set once'; self.hot = 0; self.word = ''; self.items = None; self.gone = 1
one = Counted()
for n in range(1, 30_001):
    one.hot = n
    one.word = 'word %d' % n
    one.items = [n]
    if n % 2: del one.gone
    else: one.gone = n
print(json.dumps({'hot': 30_001, 'word': 30_001, 'items': 30_001, 'gone': 30_001, 'calm': 1}))
"""


def test_a_hot_attribute_is_counted_whole_and_written_once_a_slice(
    interpreter: Interpreter, target: Launcher, users: Recording, tmp_path: Path
) -> None:
    pool, printed = run(users, target, interpreter, script(tmp_path, HOT))
    last = {"hot": "30000", "word": "'word 30000'", "items": "[30000]", "gone": "30000", "calm": "'set once'"}
    for key, writes in json.loads(printed).items():
        (told,) = told_of(pool, "__main__.Counted", key).values()
        looks = [event for event in told if event.flags & (StateFlag.SAMPLED | StateFlag.COUNTED) == StateFlag.SAMPLED]
        assert sum(event.changes for event in told) - len(looks) == writes, key
        assert not looks or key == "items"
        assert told[-1].text == last[key] or told[-1].flags & StateFlag.MUTABLE, key
        assert len(told) < 1000, key
    numbers = told_of(pool, "__main__.Counted", "hot").popitem()[1]
    assert [int(event.text) for event in numbers] == sorted(int(event.text) for event in numbers)
    assert numbers[-1].text == "30000"
    exact = [event for event in numbers if not event.flags & UNSURE]
    assert all(after.changes == 1 for after in exact)
    following = pairwise(numbers)
    assert all(a.flags & UNSURE or int(b.text) == int(a.text) + 1 for a, b in following), "one that was sure was not so"


def test_a_class_that_is_named_is_whole_beside_those_that_are_not(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        "class Named: pass\nclass Other: pass\nnamed, other = Named(), Other()\n"
        "for n in range(20_000):\n    named.x = n\n    other.x = n\n",
    )
    pool, _ = run(recording(mode="state", state=["user.*", "Named"]), target, interpreter, program)
    (named,) = told_of(pool, "__main__.Named", "x").values()
    (other,) = told_of(pool, "__main__.Other", "x").values()
    assert [event.text for event in named] == [str(n) for n in range(20_000)]
    assert not any(event.flags for event in named)
    assert len(other) < 1000
    assert sum(event.changes for event in other) == 20_000
    assert other[-1].text == "19999"


MANY = """
import json
class Short:
    def __init__(self, n): self.n = n; self.twice = 2 * n
class Slotted:
    __slots__ = ('n', 'twice')
    def __init__(self, n): self.n = n; self.twice = 2 * n
kept = []
for n in range(20_000):
    Short(n)
    Slotted(n)
"""


def test_of_a_flood_of_instances_some_are_followed_and_whole(
    interpreter: Interpreter, target: Launcher, users: Recording, tmp_path: Path
) -> None:
    pool, _ = run(users, target, interpreter, script(tmp_path, MANY))
    for owner in ("__main__.Short", "__main__.Slotted"):
        numbers, twice = (told_of(pool, owner, key) for key in ("n", "twice"))
        assert 0 < len(numbers) < 5_000
        for instance, told in numbers.items():
            assert len(told) == 1, "two instances were taken for one"
            if instance in twice:
                assert [int(event.text) for event in twice[instance]] == [2 * int(told[0].text)]
    said = {details for code, details in unseen(pool) if code == "instances-sampled"}
    assert said == {"__main__.Short", "__main__.Slotted"}


CROWD = """
class Node:
    def __init__(self, n): self.value = n
import time
nodes = []
while len(nodes) < 3_000:
    nodes += [Node(0) for _ in range(40)]
    time.sleep(0.004)
for n in range(40):
    for node in nodes: node.value = n
    time.sleep(0.001)
print('done')
"""


def test_of_a_crowd_that_changes_all_at_once_no_value_is_sure_that_is_not(
    interpreter: Interpreter, target: Launcher, users: Recording, tmp_path: Path
) -> None:
    pool, _ = run(users, target, interpreter, script(tmp_path, CROWD))
    told = told_of(pool, "__main__.Node", "value")
    assert len(told) > 100
    for events in told.values():
        assert events[-1].text == "39" or events[-1].flags & UNSURE
        for event, following in pairwise(events):
            step = int(following.text) - int(event.text)
            assert event.flags & UNSURE or step <= 1, (event, following)
    assert sum(map(len, told.values())) < 60_000


SECRETS = """
class Login: pass
one = Login()
for n in range(20_000):
    one.password = 'open-sesame-%d' % n
    one.header = 'Authorization: Bearer abcdefghijklmnop%d' % n
    one.fields = {'api_key': 'open-sesame'}
"""


def test_what_is_noted_is_redacted_as_what_is_written(
    interpreter: Interpreter, target: Launcher, users: Recording, tmp_path: Path
) -> None:
    pool, _ = run(users, target, interpreter, script(tmp_path, SECRETS))
    for key in ("password", "header", "fields"):
        (told,) = told_of(pool, "__main__.Login", key).values()
        assert sum(event.changes for event in told) >= 20_000
        assert {bool(event.flags & StateFlag.REDACTED) for event in told} == {True}
    raw = (users.pool_dir / "pool.bin").read_bytes()
    assert b"open-sesame" not in raw
    assert b"abcdefghijklmnop" not in raw


OLD = (
    DOOR
    + """
import time, types, enum, collections, threading
class Plain:
    def __init__(self): self.a, self.b, self.items = 1, 'two', []
class Slotted:
    __slots__ = ('a', 'b')
    def __init__(self): self.a, self.b = 1, 2
class Color(enum.Enum):
    RED = 1
class Meta(type): pass
class Made(metaclass=Meta): pass
Point = collections.namedtuple('Point', 'x y')
plain, slotted, materialised = Plain(), Slotted(), Plain()
materialised.__dict__
go = []
signal.signal(signal.SIGUSR2, lambda *_: go.append(1))
print('ready', flush=True)
while not go: time.sleep(0.001)
plain.a = 10
slotted.b = 20
materialised.b = 30
Made.x = Meta.x = 1
object.__setattr__(plain, 'b', 'by object')
Point(1, 2)
print('set', flush=True)
while True: time.sleep(0.01)
"""
)


def test_an_instance_that_existed_is_known_with_its_first_write(
    interpreter: Interpreter, target: Launcher, users: Recording, tmp_path: Path
) -> None:
    started = target([interpreter.path, script(tmp_path, OLD)], ready="ready", env=users.environment())
    users.attach(started)
    started.send(signal.SIGUSR2)
    started.wait_for_line("set")
    users.stop()
    told = defaultdict(list)
    for owner, key, instance, flags, text in users.read().states():
        if instance:
            told[owner.removeprefix("__main__."), instance].append((key, flags, text))
    first = StateFlag.FIRST_KNOWN
    histories = [(owner, sorted(values[:-1]), values[-1]) for (owner, _), values in told.items()]
    one, slotted, materialised = histories
    assert one[0] == "Plain"
    assert one[1] == [("a", 0, "10"), ("b", first, "'two'"), ("items", first | StateFlag.MUTABLE, "[]")]
    assert one[2] == ("b", 0, "'by object'")
    assert slotted == ("Slotted", [("a", first, "1")], ("b", 0, "20"))
    assert materialised[0] == "Plain"
    assert materialised[1] == [("a", first, "1"), ("items", first | StateFlag.MUTABLE, "[]")]
    assert materialised[2] == ("b", 0, "30")
    assert not [said for said in unseen(users.read()) if said[0] != "output-logs"]


def test_libraries_are_left_alone_and_what_the_filter_leaves_out_too(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    script(tmp_path, "class Own: pass\none = Own()\none.x = 1\n", "left.py")
    program = script(
        tmp_path,
        "import left, threading, types, fractions\nclass Mine: pass\nmine = Mine(); mine.x = 1\nleft.one.x = 2\n"
        "thread = threading.Thread(target=int); thread.start(); thread.join()\n",
    )
    pool, _ = run(recording(mode="state", state=["user.*"], exclude=["left"]), target, interpreter, program)
    owners = Counter(owner for owner, _, instance, *_ in pool.states() if instance)
    assert owners == {"__main__.Mine": 1}
