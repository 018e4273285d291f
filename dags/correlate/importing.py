"""What an importer has read, as a session on disk: through the same writer as a recording."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from capture.errors import SessionProblem
from capture.events.batch import EventBatch
from capture.events.kinds import Kind
from capture.importers.imported import Imported
from capture.own_folder import OwnFolder, remove_folder
from capture.session.segment_store import SegmentStore
from dags.correlate.sealing import SessionWriter


def write_session(imported: Imported, path: Path, each_batch: Callable[[], None] = lambda: None) -> None:
    """Makes a finished session in a folder that is new; what is not finished is taken away again.

    Raises: SessionProblem when there is something of that name, TargetProblem when it cannot be written.
    """
    with OwnFolder.open(path, new=True) as folder:
        try:
            folder.lock()
            _fill(imported, folder, each_batch)
        except BaseException:
            with contextlib.suppress(OSError, SessionProblem):
                folder.clear()
            remove_folder(path)
            raise


def _fill(imported: Imported, folder: OwnFolder, each_batch: Callable[[], None]) -> None:
    store = SegmentStore.create(folder.again(), imported.about, sync=False)
    try:
        writer, kinds, written = SessionWriter(store), Counter[int](), 0
        metrics = list(imported.metrics)
        store.write_defs(imported.processes, imported.tracks, imported.sites, imported.state_keys)
        for batch in imported.batches if imported.events else iter([EventBatch.empty()]):
            written += len(batch)
            is_last = written == imported.events
            end_ns = imported.end_ns if is_last else int(batch.time_ns[-1])
            until = next((at for at, row in enumerate(metrics) if row.time_ns > end_ns), len(metrics))
            now, metrics = (metrics, []) if is_last else (metrics[:until], metrics[until:])
            facts = {"metrics": now} if now else None
            writer.write(batch, imported.tracks, imported.state_keys, facts=facts, end_ns=end_ns, is_last=is_last)
            kinds.update(dict(enumerate(np.bincount(batch.kind).tolist())))
            told = {kind.word: kinds[kind] for kind in Kind if kinds[kind]}
            store.set_counts(written, written, 0, 0, told)
            store.commit()
            each_batch()
        store.set_unseen(imported.unseen)
        store.finish()
    finally:
        store.close()
