"""What a session of a newer minor version says beyond what this version knows: kept when its files are written anew.

Structs pass over fields that they do not know, and tables over columns; so whoever writes a manifest or a table again
(`recover`) would drop them. Here they are taken out of what was there, and put back beside what is known.

>>> said = {"a": 1, "mood": "calm", "rows": [{"id": 1, "more": 2}, {"id": 2}]}
>>> more = fields_beyond(said, {"a": 1, "rows": [{"id": 1}, {"id": 2}]})
>>> with_fields({"a": 5, "rows": [{"id": 2}, {"id": 1}]}, more)
{'a': 5, 'rows': [{'id': 2}, {'id': 1, 'more': 2}], 'mood': 'calm'}
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

Fields: TypeAlias = dict[str, Any]


def fields_beyond(said: Any, known: Any) -> Any:
    """What `said` has and `known`, the same without what was not understood, has not; None when that is nothing.

    Of a list it is a dictionary: what each row says more, by the encoded row as it is known.
    """
    if isinstance(said, dict) and isinstance(known, dict):
        inner = {name: fields_beyond(said[name], value) for name, value in known.items() if name in said}
        more = {name: value for name, value in inner.items() if value is not None}
        return {**more, **{name: value for name, value in said.items() if name not in known}} or None
    if isinstance(said, list) and isinstance(known, list) and len(said) == len(known):
        rows = ((_key(row), fields_beyond(whole, row)) for whole, row in zip(said, known, strict=True))
        return {key: more for key, more in rows if more is not None} or None
    return None


def with_fields(now: Any, more: Any) -> Any:
    """`now`, and what `fields_beyond` has found; rows of lists that are not there any more are not made again."""
    if more is None:
        return now
    if isinstance(now, list):
        return [with_fields(row, more.get(_key(row))) for row in now]
    if isinstance(now, dict):
        inner = {name: with_fields(value, more.get(name)) for name, value in now.items()}
        return {**inner, **{name: value for name, value in more.items() if name not in now}}
    return now


def _key(row: Any) -> bytes:
    return msgspec.json.encode(row)
