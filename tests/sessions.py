"""Realistic sessions made without a target: nested calls on several threads, written through the real store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from capture.events.batch import EventBatch, make_batch
from capture.events.definitions import ProcessRow, SiteRow, StateKeyRow, TrackRow
from capture.events.kinds import Kind
from capture.events.text_column import TextColumn
from capture.session.eventtable import event_table
from capture.session.rows import as_table
from capture.session.segment_store import SegmentStore
from dags.correlate.sealing import SessionWriter

FUNCTIONS = ("<module>", "main", "serve", "Store.put", "Store.get", "parse", "Order.total", "retry", "log", "flush")
SESSION_ID = "5e55105e55105e55"
LEAVES = {Kind.RETURN: "return", Kind.YIELD: "yield", Kind.UNWIND: "raise"}


@dataclass
class Truth:
    """What a built session must say, from the lists it was built from."""

    path: Path
    events: EventBatch
    tables: dict[str, pa.Table] = field(default_factory=dict)


def make_events(events: int, tracks: int, seed: int) -> tuple[EventBatch, list[dict[str, Any]]]:
    """That many events of nested calls, and the rows of `calls` by the time they end; calls still open come last.

    Tracks 2.. are threads of the process track 1, as in a real session.
    """
    random = np.random.default_rng(seed)
    stacks: dict[int, list[tuple[int, int, int]]] = {track: [] for track in range(2, tracks + 2)}
    rows: list[tuple[int, int, int, int]] = []  # time, kind, track, site
    texts: dict[int, str] = {}
    calls: list[dict[str, Any]] = []
    time_ns, call_id, track = 1_000, 0, 2
    for at in range(events):
        time_ns += int(random.integers(60, 400))
        if random.random() < 0.02:
            track = int(random.integers(2, tracks + 2))
        stack = stacks[track]
        if not stack or (len(stack) < 9 and random.random() < 0.5):
            call_id += 1
            site = 1 if not stack else int(random.integers(2, len(FUNCTIONS) + 1))
            stack.append((call_id, site, time_ns))
            rows.append((time_ns, Kind.CALL, track, site))
            continue
        frame = stack.pop()
        kind = Kind(random.choice([Kind.RETURN, Kind.RETURN, Kind.RETURN, Kind.YIELD, Kind.UNWIND]))
        if kind is Kind.UNWIND:
            texts[at] = "builtins.KeyError"
        rows.append((time_ns, kind, track, frame[1]))
        calls.append(_call(frame, time_ns, track, stack, LEAVES[kind]))
    for track, stack in stacks.items():
        while stack:
            calls.append(_call(stack.pop(), None, track, stack, "open"))
    columns = np.array(rows, np.int64).reshape(-1, 4)
    batch = make_batch(
        1,
        columns[:, 0].copy(),
        columns[:, 1].astype(np.uint8),
        columns[:, 2].astype(np.int32),
        site_id=columns[:, 3].astype(np.int32),
        value_rows=np.array(sorted(texts), np.int64),
        values=[texts[at] for at in sorted(texts)],
    )
    return batch, calls


def build_session(
    path: Path,
    events: int = 1_000,
    tracks: int = 2,
    seed: int = 1,
    *,
    segments: int = 4,
    keyframe: Callable[[EventBatch], bytes] | None = None,
    finish: bool = True,
    merge: bool = False,
) -> Truth:
    """Writes a session directory and returns what it must say.

    `keyframe` gets the events of each segment before it is sealed and returns the state before them; without it, the
    keyframes are a few arbitrary bytes. `merge=False` keeps the segments as many as asked for.
    """
    batch, calls = make_events(events, tracks, seed)
    store = SegmentStore.create(
        path,
        {
            "session_id": SESSION_ID,
            "created_real_ns": 1_800_000_000_000_000_000,
            "target": "orders.py",
            "python": "3.13.0",
        },
        sync=False,
    )
    store._may_merge = merge
    truth = Truth(path, batch)
    truth.tables = {"events": event_table(batch), "calls": as_table("calls", calls)}
    sites = [
        SiteRow(site_id=i, function=name, module="orders", file="/srv/orders.py", line=10 * i)
        for i, name in enumerate(FUNCTIONS, 1)
    ]
    names = [TrackRow(track_id=1, process_id=1, kind="process", name="orders.py", start_ns=0)]
    names += [TrackRow(track_id=i, process_id=1, name=f"worker-{i}", os_id=100 + i) for i in range(2, tracks + 2)]
    processes = [ProcessRow(process_id=1, pid=4711, name="orders.py", python="3.13.0", start_ns=-5)]
    extra: dict[str, list[dict[str, Any]]] = {"metrics": [], "states": [], "edges": [], "gaps": []}
    cuts = [round(events * i / segments) for i in range(segments + 1)]
    for part in range(segments):
        piece = batch.slice(cuts[part], cuts[part + 1])
        last = part == segments - 1
        end_ns = int(piece.time_ns[-1]) if len(piece) else store.end_ns
        ended = [
            call for call in calls if (last if call["end_ns"] is None else store.end_ns < call["end_ns"] <= end_ns)
        ]
        rows = _extra(part, end_ns, piece)
        for name, some in rows.items():
            extra[name] += some
        state = keyframe(piece) if keyframe else b"state before segment %d" % part
        store.seal(piece, {"calls": ended, **rows}, state, end_ns)
        store.write_defs(processes, names, sites, [StateKeyRow(key_id=1, owner="orders", key="stock", scope="global")])
        recorded = store.next_event_id - 1
        kinds = {k.name.lower(): int(n) for k in Kind if (n := np.count_nonzero(batch.kind[:recorded] == k))}
        store.set_counts(recorded + 3 * (part + 1), recorded, 3 * (part + 1), 0, kinds)
        store.set_resume(b"resume %d" % part, (1, 64 * part))
        store.commit()
    truth.tables |= {name: as_table(name, some) for name, some in extra.items()}
    truth.tables["sites"] = as_table("sites", sites)
    truth.tables["tracks"] = as_table("tracks", names)
    truth.tables["processes"] = as_table("processes", processes)
    if finish:
        store.finish()
    else:
        store.close()
    return truth


def _call(
    frame: tuple[int, int, int], end_ns: int | None, track: int, callers: list[tuple[int, int, int]], outcome: str
) -> dict[str, Any]:
    call_id, site, start_ns = frame
    return {
        "call_id": call_id,
        "start_ns": start_ns,
        "end_ns": end_ns,
        "track_id": track,
        "depth": len(callers),
        "site_id": site,
        "parent_call_id": callers[-1][0] if callers else None,
        "outcome": outcome,
    }


def _extra(part: int, end_ns: int, piece: EventBatch) -> dict[str, list[dict[str, Any]]]:
    first = piece.first_event_id
    state = {"version_id": part + 1, "time_ns": end_ns, "object_id": None, "owner": "orders", "key": "stock"}
    return {
        "metrics": [{"time_ns": end_ns, "process_id": 1, "name": "rss_bytes", "value": 1e6 + part}],
        "states": [{**state, "old": str(part), "new": str(part + 1), "writer_track_id": 2, "writer_call_id": 1}],
        "edges": [{"cause_event_id": first, "effect_event_id": first + 1, "kind": "start"}] if len(piece) > 1 else [],
        "gaps": [{"start_ns": end_ns, "end_ns": end_ns, "track_id": 2, "dropped": 3, "reason": "pool full"}],
    }


def with_values(batch: EventBatch) -> tuple[EventBatch, dict[int, str], dict[int, str]]:
    """(the events of `make_events` with arguments and results, both by the id of the call, as far as there are any).

    Of every fifth call nothing is known.
    """
    texts = {int(row): text for row, text in zip(batch.value_rows, batch.values, strict=True)}
    arguments, results = dict[int, str](), dict[int, str]()
    stacks: dict[int, list[int]] = {}
    opened = 0
    for row, (kind, track) in enumerate(zip(batch.kind.tolist(), batch.track_id.tolist(), strict=True)):
        stack = stacks.setdefault(track, [])
        if kind == Kind.CALL:
            opened += 1
            stack.append(opened)
            if opened % 5:
                texts[row] = arguments[opened] = f"qty={opened % 50}, name='a, b={opened}'"
        elif (call_id := stack.pop()) % 5 and kind != Kind.UNWIND:
            texts[row] = results[call_id] = f"[{call_id}, 'é']"
    rows = sorted(texts)
    values = TextColumn.of([texts[row] for row in rows])
    return replace(batch, value_rows=np.array(rows, np.int64), values=values), arguments, results


def write_session(path: Path, batch: EventBatch, segments: int, *, finish: bool = True, merge: bool = False) -> Path:
    """The events of `make_events` as a recorder writes them: so many segments, or fewer with `merge`."""
    about = {"session_id": SESSION_ID, "created_real_ns": 1, "target": "orders.py", "python": "3.13.0"}
    store = SegmentStore.create(path, about, sync=False)
    store._may_merge = merge
    tracks = [TrackRow(track_id=1, process_id=1, kind="process", name="orders.py", start_ns=0)]
    tracks += [
        TrackRow(track_id=n, process_id=1, name=f"worker-{n}", start_ns=0)
        for n in range(2, int(batch.track_id.max()) + 1)
    ]
    sites = [
        SiteRow(site_id=i, function=name, module="orders", file="/srv/orders.py", line=10 * i)
        for i, name in enumerate(FUNCTIONS, 1)
    ]
    store.write_defs([ProcessRow(process_id=1, pid=4711, name="orders.py", start_ns=-5)], tracks, sites)
    writer = SessionWriter(store)
    cuts = [len(batch) * part // segments for part in range(segments + 1)]
    for part, (start, stop) in enumerate(pairwise(cuts)):
        writer.write(batch.slice(start, stop), tracks, is_last=finish and part == segments - 1)
        kinds = {k.word: int(n) for k in Kind if (n := np.count_nonzero(batch.kind[:stop] == k))}
        store.set_counts(stop, stop, 0, 0, kinds)
        store.commit()
    if finish:
        store.finish()
    else:
        store.close()
    return path
