"""`dags.lines.dag`: first runs of lines, and lines in which a thread already stood when its stack was told."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from capture.events.batch import EventBatch, make_batch
from capture.events.kinds import Kind
from capture.session.rows import as_table
from dags.base import Context
from dags.lines.dag import LinesDag


def batch_of(*events: tuple[Kind, int, int, str | None]) -> EventBatch:
    """Of kind, site, line and text, one a nanosecond."""
    kinds, sites, lines, texts = (list(column) for column in zip(*events, strict=True))
    with_text = [row for row, text in enumerate(texts) if text is not None]
    return make_batch(
        1,
        np.arange(1, len(events) + 1, dtype=np.int64),
        np.array(kinds, np.uint8),
        np.full(len(events), 2, np.int32),
        site_id=np.array(sites, np.int32),
        ref=np.array(lines, np.int64),
        value_rows=np.array(with_text, np.int64),
        values=[texts[row] or "" for row in with_text],
    )


def stack(reason: str, *frames: tuple[int, int]) -> tuple[Kind, int, int, str]:
    return Kind.SNAPSHOT, 0, 0, json.dumps({"reason": reason, "part": "whole", "frames": frames})


def rows_of(batch: EventBatch) -> list[tuple[Any, ...]]:
    made = as_table("first_runs", LinesDag().feed(batch, Context())["first_runs"])
    return [tuple(row.values()) for row in made.to_pylist()]


def test_first_runs_are_rows() -> None:
    batch = batch_of((Kind.CALL, 3, 0, None), (Kind.LINE_FIRST, 3, 31, None), (Kind.LINE_FIRST, 4, 7, None))
    assert rows_of(batch) == [(2, 2, 3, 31), (3, 2, 4, 7)]


def test_lines_that_stacks_are_in_have_run_unless_it_was_seen() -> None:
    batch = batch_of(
        stack("begin", (3, 30), (4, 9)), (Kind.LINE_FIRST, 3, 31, None), stack("gap", (4, 9), (4, 11)),
        stack("end", (4, 12)),
    )  # fmt: skip
    assert rows_of(batch) == [(1, 2, 3, 30), (1, 2, 4, 9), (2, 2, 3, 31), (3, 2, 4, 11)]


def test_what_is_no_stack_is_passed_over() -> None:
    hostile = [(Kind.SNAPSHOT, 0, 0, text) for text in ("", "[]", '{"reason": "begin", "frames": [[-1, 1e9]]}')]
    assert rows_of(batch_of(*hostile, stack("begin", (0, 5), (5, 0), (1 << 40, 3)))) == []


def test_without_lines_there_is_nothing() -> None:
    assert LinesDag().feed(batch_of((Kind.CALL, 3, 0, None)), Context()) == {"first_runs": {}}
