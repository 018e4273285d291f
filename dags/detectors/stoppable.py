"""What a detector may have to go through for long, so that whoever asked can end it on the way.

A detector is handed a session that ends a question where it reads on (`Session.pinned`). Between two pieces that it
reads it says by these that it is still at work: a person who closes the window, or presses Ctrl+C, waits for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from capture.session.query import query
from capture.session.session import Session

PIECE = 1024
"""Rows between two looks whether to go on: some milliseconds of Python."""

_Item = TypeVar("_Item")


def stoppable(items: Sequence[_Item], reads_on: Callable[[], None]) -> Iterator[_Item]:
    """The items; `reads_on` is called before each PIECE of them.

    >>> looks = []
    >>> len(list(stoppable(range(3000), lambda: looks.append("looked")))), len(looks)
    (3000, 3)
    """
    for at, item in enumerate(items):
        if at % PIECE == 0:
            reads_on()
        yield item


def stoppable_rows(session: Session, sql: str) -> list[dict[str, Any]]:
    """The answer to a statement, a dictionary a row. Raises: as `capture.session.query.query`."""
    rows: list[dict[str, Any]] = []
    for batch in query(session, sql).to_batches(max_chunksize=PIECE):
        session.reads_on()
        rows += batch.to_pylist()
    return rows
