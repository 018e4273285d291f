"""The agent's JSON is the JSON everyone else writes and reads."""

from __future__ import annotations

import contextlib
import importlib.util
import json
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.capture.agent.recordings import AGENT

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("_scope_wire", AGENT / "_scope_wire.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WIRE: Any = load()


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_it_reads_what_json_writes(value: object, ascii_only: bool, indent: int | None) -> None:
    assert WIRE.loads(json.dumps(value, ensure_ascii=ascii_only, indent=indent)) == value


@given(VALUES)
def test_json_reads_what_it_writes_on_one_line(value: object) -> None:
    line = WIRE.dumps(value)
    assert json.loads(line) == value
    assert line.isascii()
    assert "\n" not in line


@given(st.text(max_size=40))
def test_any_text_is_a_value_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        WIRE.loads(text)


@pytest.mark.parametrize("text", ["", "{", "[1", '{"a"}', '{"a":1]', "[1]x", "nul", '"\\q"', "[" * 99, '"\\u12'])
def test_broken_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|literal|number"):
        WIRE.loads(text)
