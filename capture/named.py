"""What a row of a table names as "module:Name", imported when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def named(where: str) -> Any:
    """The thing of that name.

    >>> named("math:gcd")(12, 18)
    6
    """
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)
