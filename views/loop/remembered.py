"""Which fields of a state are kept, and with what: those that are marked in their struct. No Qt.

REMEMBERED ones are kept between runs, those OF_SESSION with the session: it opens where one left it.

    theme: Annotated[Theme, REMEMBERED] = "dark"
    cursor_ns: Annotated[int, OF_SESSION] = 0
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from capture.typed import converted

REMEMBERED = msgspec.Meta(extra={"remembered": True})
OF_SESSION = msgspec.Meta(extra={"of session": True})


@cache
def marked_types(kind: type[msgspec.Struct], mark: msgspec.Meta) -> Mapping[str, Any]:
    """The types of the fields with that mark, by name."""
    fields = msgspec.structs.fields(kind)
    return {field.name: field.type for field in fields if mark in typing.get_args(field.type)}


def marked_values(state: msgspec.Struct, mark: msgspec.Meta) -> dict[str, Any]:
    """The fields with that mark as they are now."""
    return {name: getattr(state, name) for name in marked_types(type(state), mark)}


def values_from(kept: Mapping[str, Any], kind: type[msgspec.Struct], mark: msgspec.Meta) -> dict[str, Any]:
    """The fields of a struct with that mark, out of what a file keeps of them. Raises: msgspec.ValidationError."""
    types = marked_types(kind, mark)
    return {name: converted(kept[name], types[name]) for name in types if name in kept}
