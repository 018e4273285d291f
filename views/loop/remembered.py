"""Which fields of a state are kept between runs: those that are marked REMEMBERED in their struct. No Qt.

theme: Annotated[Theme, REMEMBERED] = "dark"
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from capture.typed import converted

REMEMBERED = msgspec.Meta(extra={"remembered": True})


@cache
def remembered_types(kind: type[msgspec.Struct]) -> Mapping[str, Any]:
    """The types of the marked fields by name."""
    fields = msgspec.structs.fields(kind)
    return {field.name: field.type for field in fields if REMEMBERED in typing.get_args(field.type)}


def remembered_values(state: msgspec.Struct) -> dict[str, Any]:
    """The marked fields as they are now."""
    return {name: getattr(state, name) for name in remembered_types(type(state))}


def values_from(kept: Mapping[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The marked fields of a struct out of what a file keeps of them. Raises: msgspec.ValidationError."""
    types = remembered_types(kind)
    return {name: converted(kept[name], types[name]) for name in types if name in kept}
