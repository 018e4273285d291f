"""`dags.code.argument_text`: what the text of a call says, for any names and values as Python shows them."""

from __future__ import annotations

import keyword
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dags.code.argument_text import MOST_READ, arguments_of_text

NAMES = st.from_regex(r"\A[^\W\d]\w{0,8}\Z").filter(lambda name: not keyword.iskeyword(name))
OBJECTS = st.sampled_from(["<m.T at 0x7f3c>", "<m.f.<locals>.T at 0x7f3c>", "<int of 900 bits>", "…"])


def quoted(text: str) -> str:
    """As a target shows a text: in single quotes, always."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def as_shown(value: Any) -> str:
    match value:
        case list():
            return f"[{', '.join(map(as_shown, value))}]"
        case tuple():
            return f"({', '.join(map(as_shown, value))}{',' * (len(value) == 1)})"
        case dict():
            return f"{{{', '.join(f'{as_shown(key)}: {as_shown(one)}' for key, one in value.items())}}}"
        case bytes():
            return f"b{quoted(value.decode('latin-1'))}"
        case str():
            return quoted(value)
    return repr(value)


TEXTS = st.text(max_size=12) | st.sampled_from(["a, b=2", "',", "\\", "\\'", ", x=<", "(", "]", "*a=1, **k={"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.binary(max_size=4)
HELD = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(TEXTS | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)
VALUES = HELD.map(as_shown) | OBJECTS


@given(st.lists(st.tuples(st.sampled_from(["", "", "*", "**"]), NAMES, VALUES), min_size=1, max_size=6), st.booleans())
def test_what_was_put_together_is_taken_apart(arguments: list[tuple[str, str, str]], is_cut: bool) -> None:
    text = ", ".join(f"{stars}{name}={value}" for stars, name, value in arguments) + ", …" * is_cut
    found = [(one.name, one.value) for one in arguments_of_text(text)]
    assert found == [(f"{stars}{name}", value) for stars, name, value in arguments] + [("", "…")] * is_cut


@given(st.text(st.sampled_from("ab=,' *\\([{<>}])…\n"), max_size=60))
def test_any_text_is_taken_apart_without_losing_any_of_it(text: str) -> None:
    said = ", ".join(f"{one.name}={one.value}" if one.name else one.value for one in arguments_of_text(text))
    assert said == text


@pytest.mark.parametrize("piece", ["'", "\\", "<", "([", ", a=", "'\\", ", a='", "*"])
def test_a_huge_text_is_read_in_time_that_its_length_bounds(piece: str) -> None:
    found = arguments_of_text(piece * (1 << 20))
    assert sum(len(one.name) + len(one.value) for one in found) <= MOST_READ + 1
