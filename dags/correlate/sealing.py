"""From batches to segments: the one way in which events become rows, keyframes and files.

Whoever has events writes a session through this: the recorder's sealer, recovery, importers, and what makes up sessions
for tests and pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from capture.events.batch import EventBatch
from capture.events.definitions import StateKeyRow, TrackRow
from capture.session.format import SegmentEntry
from capture.session.rows import as_table
from capture.session.segment_store import SegmentStore
from capture.session.tables import TABLE
from dags.base import Rows
from dags.correlate.correlator import Correlator


class SessionWriter:
    """Writes a session's segments one after another; `store` has what else a session is made of."""

    def __init__(
        self,
        store: SegmentStore,
        correlator: Correlator | None = None,
        watch: Callable[[EventBatch, Rows], None] = lambda batch, rows: None,
    ) -> None:
        """`correlator` has the state after what is sealed; without it nothing is yet. `watch` sees each segment's
        events and rows before they are sealed.
        """
        self.store = store
        self._watch = watch
        self.correlator = correlator or Correlator()

    def write(
        self,
        batch: EventBatch,
        tracks: Sequence[TrackRow] = (),
        state_keys: Sequence[StateKeyRow] = (),
        *,
        facts: Mapping[str, Any] | None = None,
        end_ns: int | None = None,
        is_last: bool = False,
    ) -> SegmentEntry:
        """Seals these events as the next segment; `commit` of the store makes it visible.

        `tracks` and `state_keys` are all that are known by now. `facts` are rows that no event tells, by table:
        metrics, gaps, waits. With the last segment goes what has begun and not ended.

        Raises: as `SegmentStore.seal`.
        """
        correlator = self.correlator
        keyframe = correlator.keyframe()
        rows = correlator.feed(batch, tracks, state_keys, facts)
        self._watch(batch, rows)
        if is_last:
            still = {name: some for name, some in correlator.open_rows().items() if TABLE[name].open_rows != "whole"}
            rows |= {table: _joined(table, rows.get(table), some) for table, some in still.items()}
        return self.store.seal(batch, {**(facts or {}), **rows}, keyframe, end_ns)


def _joined(table: str, rows: dict[str, Any] | None, more: dict[str, Any]) -> pa.Table:
    """Both, as rows of the table; what one of them says nothing of is null in its rows."""
    parts = [as_table(table, some, stored=True) for some in (rows, more) if some is not None]
    return pa.concat_tables(parts).unify_dictionaries()
