"""Expressions over recorded values: what they give and refuse, and that they are bounded; and values read back."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.errors import WrongUsage
from capture.redaction import REDACTED
from dags.analyses.recorded_expression import MOST_CHARACTERS, expression_of
from dags.analyses.recorded_values import Beginning, Unread, value_in
from tests.value_words import shown

_SIMPLE = st.one_of(
    st.none(), st.booleans(), st.integers(-(1 << 200), 1 << 200), st.floats(allow_nan=False), st.text(max_size=40),
    st.binary(max_size=40),
)  # fmt: skip
_VALUES = st.one_of(
    _SIMPLE,
    st.lists(_SIMPLE, max_size=8),
    st.tuples(_SIMPLE, st.lists(_SIMPLE, max_size=8)),
    st.dictionaries(st.text(max_size=9), _SIMPLE, max_size=8),
    st.sets(st.integers(), max_size=8),
)


@given(_VALUES)
def test_a_value_that_is_shown_in_full_is_read_back(value: Any) -> None:
    assert value_in(shown(value)) == value


@given(st.text(alphabet="[](){}'\\x0…<>, :abn-1.e", max_size=60))
def test_any_text_is_read_as_something(text: str) -> None:
    value_in(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<m.C at 0x10>", Unread("<m.C at 0x10>")),
        ("[<m.C at 0x10>, …]", Beginning([Unread("<m.C at 0x10>")])),
        ("{'a': 1, …}", Beginning({"a": 1})),
        (REDACTED, Unread(REDACTED)),
        ("…", Unread("…")),
        ("{[1]: 2}", Unread("{[1]: 2}")),
        ("'a\\x41\\n\\''", "aA\n'"),
        ("-inf", float("-inf")),
    ],
)
def test_of_what_was_not_told_in_full_as_much_as_is_known_is_kept(text: str, value: Any) -> None:
    assert value_in(text) == value


@pytest.mark.parametrize(
    ("expression", "gives"),
    [
        ("a + 1", "6"),
        ("a * 2 - -a // 2 % 3", "10"),
        ("1 < a <= 5 and not b", "False"),
        ("b[0], b[-1], b[1:]", "('x', 'y', ['y'])"),
        ("len(b) if b else 0", "2"),
        ("min(a, 3) + max(a, 3)", "8"),
        ("str(a) + 'x'", "'5x'"),
        ("'x' in b or missing", "True"),
        ("c[0]", "1"),
        ("d", "<m.C at 0x10>"),
        ("str(d)", "'<m.C at 0x10>'"),
        ("c", "[1, …]"),
        ("a is not None", "True"),
        ("'a' * 3", "'aaa'"),
    ],
)
def test_an_expression_gives_what_python_gives(expression: str, gives: str) -> None:
    assert evaluated(expression) == (gives, None)


def evaluated(text: str) -> tuple[str | None, str | None]:
    known = {
        "a": 5,
        "b": ["x", "y"],
        "c": Beginning([1]),
        "d": Unread("<m.C at 0x10>"),
        "missing": Unread("?"),
        "big": 1 << 256,
    }
    one = expression_of(text)
    return one.shown([known[name] for name in one.names])


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("c[1]", "only the first items were recorded"),
        ("len(c)", "only the first items were recorded"),
        ("d + 1", "<m.C at 0x10> is not known in full"),
        ("a / 0", "ZeroDivisionError: division by zero"),
        ("b['k']", "TypeError: list indices must be integers or slices, not str"),
        ("'x' * 1000000000", "the value is too long"),
        ("'%1000000000d' % a", "% of a text would format it"),
        (" * ".join(["big"] * 20), "the number is too large"),
    ],
)
def test_what_has_no_value_says_why_at_once(expression: str, why: str) -> None:
    begun_s = time.process_time()
    assert evaluated(expression) == (None, why)
    assert time.process_time() - begun_s < 1


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')", "open('x')", "a.b", "a.b()", "len()", "len(*a)", "str(a, b=1)", "lambda: 1",
        "[x for x in a]", "a ** 9", "a << 9", "f'{a}'", "(x := 1)", "await a", "", "a b", "a; b", "-" * 40 + "a",
        "x" * (MOST_CHARACTERS + 1), "\0", "(" * 500,
    ],
)  # fmt: skip
def test_what_is_no_such_expression_is_refused(text: str) -> None:
    with pytest.raises(WrongUsage):
        expression_of(text)
