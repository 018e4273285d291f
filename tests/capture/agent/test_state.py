"""Values over time: module globals and attributes of named classes, without running the target's code."""

# ruff: noqa: RUF001  the product marks hidden values with these quotes

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.capture.agent.recordings import DOOR, PATIENCE_S, Recording, script
from tests.interpreters import Interpreter
from tests.leftovers import wait_for
from tests.targets import Launcher

Make = Callable[..., Recording]

DELETED, TRUNCATED, REDACTED, FIRST, SAMPLED, MUTABLE = 1, 2, 4, 8, 16, 64


def watched(interpreter: Interpreter) -> bool:
    """Whether globals are watched; before 3.12 they are polled."""
    return interpreter.version >= (3, 12)


def test_every_change_of_a_module_global_is_seen_in_order(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        "import sys, time\nvalue = 0\ndef function(): pass\nclass Class: pass\n__hidden__ = 1\n"
        "def change():\n    global value\n    for value in (1, 2, 3): pass\n"
        "change()\ndel value\nprint('changed', flush=True)\n"
        "while True: time.sleep(0.01)\n",
    )
    one = recording(mode="state")
    started = one.launch(target, interpreter, program)
    started.wait_for_line("changed")
    one.stop()
    states = one.read().states()
    assert {(owner, key) for owner, key, *_ in states} <= {("__main__", "value")}
    if watched(interpreter):
        assert [(flags, text) for _, _, _, flags, text in states] == [
            (0, "0"), (0, "1"), (0, "2"), (0, "3"), (DELETED, ""),
        ]  # fmt: skip


def test_globals_of_a_running_program_are_known_at_once_and_followed(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        DOOR + "import time\nsteady = 'text'\nmoving = 0\nprint('ready', flush=True)\n"
               "while True:\n    moving += 1\n    time.sleep(0.01)\n",
    )  # fmt: skip
    one = recording(mode="state")
    started = target([interpreter.path, program], ready="ready", env=one.environment())
    one.attach(started)

    def moved() -> bool:
        return len({text for _, key, _, _, text in one.read().states() if key == "moving"}) > 3

    assert wait_for(moved, PATIENCE_S)
    one.stop()
    states = one.read().states()
    polled = 0 if watched(interpreter) else SAMPLED
    assert [(flags, text) for _, key, _, flags, text in states if key == "steady"] == [(FIRST | polled, "'text'")]
    flags = [flags for _, key, _, flags, _ in states if key == "moving"]
    assert flags[0] == FIRST | polled
    assert set(flags[1:]) == {polled}
    values = [int(text) for _, key, _, _, text in states if key == "moving"]
    assert values == sorted(values)


def test_attributes_of_named_classes_are_followed_per_instance(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        """
class Base:
    def __init__(self): self.x = 1
class Account(Base):
    def __init__(self, n):
        super().__init__()
        self.n = n
class Careful(Account):
    def __setattr__(self, name, value):
        super().__setattr__(name, value * 10)
class Slotted:
    __slots__ = ("a",)
class Other:
    def __init__(self): self.unseen = 1
a = Account(1); a.n += 1; del a.x
try: del a.nope
except AttributeError: pass
c = Careful(5)
s = Slotted(); s.a = 7
try: s.b = 1
except AttributeError: pass
Other()
for i in range(3): Account(i)
""",
    )
    one = recording(mode="state", state=["Account", "Slotted", "__main__.Base"])
    started = one.launch(target, interpreter, program)
    assert started.wait(PATIENCE_S) == 0, started.output()
    states = [state for state in one.read().states() if state[2]]
    told = [(owner.split(".")[1], key, flags, text) for owner, key, _, flags, text in states]
    assert told[:9] == [
        ("Account", "x", 0, "1"), ("Account", "n", 0, "1"), ("Account", "n", 0, "2"), ("Account", "x", DELETED, ""),
        ("Careful", "x", 0, "10"), ("Careful", "n", 0, "50"), ("Slotted", "a", 0, "7"),
        ("Account", "x", 0, "1"), ("Account", "n", 0, "0"),
    ]  # fmt: skip
    assert len({number for owner, _, number, _, _ in states if owner.endswith("Account")}) == 4


def test_instances_that_exist_already_show_what_they_hold(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        DOOR + "import time\nclass Kept:\n    def __init__(self): self.a, self.b = 1, [2]\nkept = Kept()\n"
               "print('ready', flush=True)\nwhile True: time.sleep(0.01)\n",
    )  # fmt: skip
    one = recording(mode="state", state=["*.Kept"])
    started = target([interpreter.path, program], ready="ready", env=one.environment())
    one.attach(started)
    one.stop()
    states = [state for state in one.read().states() if state[2]]
    assert [(key, flags, text) for _, key, _, flags, text in states] == [
        ("a", FIRST, "1"),
        ("b", FIRST | MUTABLE, "[2]"),
    ]


def test_values_are_bounded_secret_and_rendered_without_the_targets_code(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        """
class Hostile:
    def __repr__(self): raise SystemExit("repr ran")
    __str__ = __len__ = __iter__ = __eq__ = __hash__ = __getattr__ = __repr__
class Meta(type):
    def __getattribute__(cls, name): raise SystemExit("metaclass ran")
class Odd(metaclass=Meta): pass
class MyList(list):
    def __iter__(self): raise SystemExit("iter ran")
class Box: pass
box = Box()
box.none, box.true, box.number, box.real = None, True, -5, 1.5
box.huge, box.large = 10 ** 5000, 2 ** 100
box.text, box.quoted, box.raw = "é\\n\\U0001F600", "it's", b"a\\x00'"
box.long = "ü" * 500
box.million = "x" * 10_000_000
box.lone = "\\ud800"
box.items, box.pair, box.one, box.empty = [1, [2, [3]]], (1, "b"), (1,), set()
box.many = list(range(1000))
box.mapping = {"a": 1, "password": "hunter2", 3: {4: 5}}
box.api_key, box.author, box.oauth_header = "secret!", "Ann", "secret!"
box.hostile, box.odd, box.mine = Hostile(), Odd(), MyList([1])
box.nested = [Hostile(), {"token": 1}]
""",
    )
    one = recording(mode="state", state=["Box"])
    started = one.launch(target, interpreter, program)
    assert started.wait(PATIENCE_S) == 0, started.output()
    told = {key: (flags, text) for _, key, number, flags, text in one.read().states() if number}
    for key, expected in {
        "none": (0, "None"), "true": (0, "True"), "number": (0, "-5"), "real": (0, "1.5"),
        "huge": (0, "<int of 16610 bits>"), "large": (0, str(2**100)),
        "text": (0, "'é\\n\U0001f600'"), "quoted": (0, "'it\\'s'"), "raw": (0, "b'a\\x00\\''"),
        "lone": (0, "'\\\\ud800'"),
        "items": (TRUNCATED | MUTABLE, "[1, [2, …]]"), "pair": (0, "(1, 'b')"), "one": (0, "(1,)"),
            "empty": (MUTABLE, "set()"),
        "many": (TRUNCATED | MUTABLE, "[0, 1, 2, 3, 4, 5, 6, 7, …]"),
        "mapping": (REDACTED | MUTABLE, "{'a': 1, 'password': ‹redacted›, 3: {4: 5}}"),
        "api_key": (REDACTED, "‹redacted›"), "author": (0, "'Ann'"), "oauth_header": (REDACTED, "‹redacted›"),
        "hostile": (0, "<__main__.Hostile>"), "odd": (0, "<__main__.Odd>"), "mine": (0, "<__main__.MyList>"),
        "nested": (REDACTED | MUTABLE, "[<__main__.Hostile>, {'token': ‹redacted›}]"),
    }.items():  # fmt: skip
        assert told[key] == expected, key
    for key, start in (("long", "'üüü"), ("million", "'xxx")):
        flags, text = told[key]
        assert flags == TRUNCATED
        assert text.startswith(start)
        assert 190 < len(text.encode()) <= 200
    assert "hunter2" not in str(told)
    assert "secret!" not in str(told)


def test_the_end_of_the_interpreter_changes_no_value(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        DOOR + "import time\nkept = 'to the end'\nprint('ready', flush=True)\n"
               "while not os.path.exists(os.environ['SCOPE_TEST_DOOR'] + '.go'): time.sleep(0.01)\n",
    )  # fmt: skip
    one = recording(mode="state")
    started = target([interpreter.path, program], ready="ready", env=one.environment())
    one.attach(started)
    Path(f"{one.config}.go").touch()
    assert started.wait(PATIENCE_S) == 0
    assert one.channel.wait_event("exiting", timeout_s=PATIENCE_S)["produced"] > 0
    assert [text for _, key, _, _, text in one.read().states() if key == "kept"] == ["'to the end'"]
