"""Programs of functions that bind, unbind and change locals in every way, made up by hypothesis.

Whatever such a function does ends: loops are short, and what goes wrong in it is caught by whoever calls it.
"""

from __future__ import annotations

from hypothesis import strategies as st

NAMES = ("a", "b", "c", "d", "e")
name = st.sampled_from(NAMES)
number = st.integers(-3, 300).map(str)
atom = st.one_of(
    name, number, st.sampled_from(("'x'", "'a longer text'", "[]", "{}", "None", "1.5", "(1, [2])", "{1, 2}"))
)


@st.composite
def _expression(draw: st.DrawFn) -> str:
    shape = draw(
        st.sampled_from(
            (
                "{0}", "{0} + {1}", "[{0}, {1}]", "({0}, {1})", "{{'k': {0}, 'l': {1}}}", "[{2} for {2} in ({0}, {1})]",
                "sum({2} for {2} in range(3))", "({2} := {0})", "{0} if {1} else {0}", "(lambda {2}: {2})({0})",
                "{2}[0]", "len({2})", "{{{2}: {0} for {2} in range(2)}}", "{0} == {1}", "not {0}", "sorted({2})",
                "[w for w in range(3) if ({2} := w)]",
            )
        )
    )  # fmt: skip
    return shape.format(draw(atom), draw(atom), draw(name))


expression = _expression()
SIMPLE = (
    "{n} = {x}", "{n} = {x}", "{n} = {m} = {x}", "{n}, {m} = {m}, {n}", "{n}, *{m} = {x}, 1, 2", "{n} += {x}",
    "del {n}", "{n}.append({x})", "{n}[0] = {x}", "{n}['k'] = {x}", "{n}.update({m})", "{n} = {x}; {m} = {n}",
    "inner({x})", "touch({n})", "touch({n}); touch({m})", "made = {x}", "{n}: int = {x}", "{x}",
    "for {n} in range(3): {m} = {n}", "assert {x}", "import os as {n}", "raise ValueError({x})", "pass",
)  # fmt: skip
BLOCKS = (
    ("for {n} in range({k}):", "else:"),
    ("for {n}, {m} in ((1, 2), (3, {m})):",),
    ("if {x}:", "elif {x}:", "else:"),
    ("if {x}:",),
    ("try:", "except (TypeError, AttributeError) as {n}:", "finally:"),
    ("try:", "except Exception as {n}:", "else:"),
    ("try:", "finally:"),
    ("with held({x}) as {n}:",),
    ("with held({x}) as {n}, held({n}) as {m}:",),
    ("while tick():",),
)
GENERATOR_ONLY = ("{n} = yield {m}", "yield {x}", "{n} = yield from counts({k})")


@st.composite
def _statement(draw: st.DrawFn, depth: int, yields: bool, loops: bool) -> list[str]:
    def filled(text: str) -> str:
        return text.format(n=draw(name), m=draw(name), x=draw(expression), k=draw(st.integers(0, 3)))

    if depth < 3 and draw(st.integers(0, 3)) == 0:
        heads = draw(st.sampled_from(BLOCKS))
        lines: list[str] = []
        for head in heads:
            in_loop = (loops or head.startswith(("for", "while"))) and head != "finally:"
            lines.append(filled(head))
            body = draw(st.lists(_statement(depth + 1, yields, in_loop), min_size=1, max_size=3))
            lines += [f"    {line}" for part in body for line in part]
        return lines
    choices = SIMPLE + GENERATOR_ONLY * yields + ("continue", "break") * loops
    return [filled(draw(st.sampled_from(choices)))]


@st.composite
def _function(draw: st.DrawFn) -> tuple[str, bool]:
    yields = draw(st.booleans())
    body = draw(st.lists(_statement(0, yields, False), min_size=3, max_size=12))
    closes_over = draw(st.sampled_from(NAMES))
    lines = [
        "global made",
        "def inner(by=1):",
        f"    nonlocal {closes_over}",
        f"    {closes_over} = by",
        f"    return {closes_over}",
        f"{closes_over} = [0]",
        *(line for part in body for line in part),
        *(["yield"] if yields else ["return a"]),
    ]
    return "\n".join(f"    {line}" for line in lines), yields


BEFORE = """
import contextlib
ticks = 0
def tick():
    global ticks
    ticks += 1
    return ticks % 4 and ticks < 40
def touch(value):
    if type(value) is list: value.append(len(value))
    elif type(value) is dict: value[len(value)] = value
    elif type(value) is set: value.add(len(value))
@contextlib.contextmanager
def held(value):
    yield value
def counts(n):
    for i in range(n):
        had = yield i
    return had
"""


@st.composite
def programs(draw: st.DrawFn, functions: int) -> str:
    """The text of a program that defines `run()`, which calls that many functions."""
    parts, calls = [BEFORE], ["def run():", "    global ticks", "    ticks = 0"]
    for number in range(functions):
        body, yields = draw(_function())
        parts.append(f"def made{number}(a, b=2, *c, d=4):\n{body}")
        call = f"made{number}(1, [2], 3)"
        calls += ["    try:", f"        {f'list({call})' if yields else call}", "    except Exception: pass"]
    return "\n".join([*parts, *calls, "watch(run)", ""])
