"""A crowded session made of paper: many threads, many functions, deep stacks, long quiet, lost events.

Same names, times and values on every run.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from capture.events.batch import EventBatch, make_batch
from capture.events.definitions import GapRow, MetricRow, ProcessRow, SiteRow, StateKeyRow, TrackRow
from capture.events.kinds import KINDS, Kind
from capture.session.segment_store import SegmentStore
from capture.unseen import UnseenRow
from dags.correlate.sealing import SessionWriter

SECOND_NS = 1_000_000_000
WORKERS = 7
THREADS = 7  # of each worker
MODULES = 40
FUNCTIONS = 1_600
BURSTS_S = (40, 310, 655, 900, 1_310, 1_700, 2_050, 2_400, 2_950, 3_300, 3_720, 4_079)
DEEPEST = 70
GAPS = ((1_000, 1_210, 13, 482_113), (3_990, 4_073, 22, 12_408))  # from, to (s), track, events lost
ABOUT = {
    "session_id": "9a11e29a11e29a11",
    "created_real_ns": 1_790_000_000_000_000_000,
    "target": "gunicorn",
    "python": "3.12.7",
}
UNSEEN = (
    UnseenRow(1, "child", ["gunicorn: worker 3 (pid 2004)", "postgres (pid 2101)"]),
    UnseenRow(1, "pattern-unmatched", ["--state shop.Carts"]),
    UnseenRow(2, "class-untouched", ["shop.models.Price", "shop.models.Tax"]),
)
_NOUNS = (
    *("Order", "Cart", "Price", "Stock", "Customer", "Invoice", "Session", "Token"),
    *("Mail", "Report", "Search", "Shipment", "Review", "Coupon", "Tax"),
)
_VERBS = (
    *("load", "save", "check", "find", "total", "parse", "render", "lock"),
    *("apply", "refresh", "send", "match", "split", "merge", "price", "close"),
)


def crowded_session(folder: Path) -> Path:
    """A web shop of one master, seven workers and two watched databases over 68 minutes.

    Fifty threads, in the last second each in more than two hundred functions: 10 000 rooms. One thread recurses
    seventy deep; two have lost events.
    """
    path = folder / "shop.scope"
    store = SegmentStore.create(path, ABOUT, sync=False)
    store._may_merge = False  # small as it is, it would be one segment
    processes, tracks = _people()
    keys = _state_keys()
    store.write_defs(processes, tracks, sites(), keys)
    batch = _events(tracks)
    writer = SessionWriter(store)
    gaps = _gaps()
    metrics = _metrics(processes)
    cuts = [0, *np.searchsorted(batch.time_ns, [(at - 5) * SECOND_NS for at in BURSTS_S[1:]]).tolist(), len(batch)]
    for first, last in pairwise(cuts):
        piece = batch.slice(first, last)
        end_ns = int(piece.time_ns[-1])
        inside = [row for row in metrics if store.end_ns <= row.time_ns < end_ns]
        lost = [row for row in gaps if store.end_ns <= row.start_ns < end_ns]
        facts = {"metrics": inside, "gaps": lost}
        writer.write(piece, tracks, keys, facts=facts, end_ns=end_ns, is_last=last == len(batch))
    recorded = store.next_event_id - 1
    dropped = sum(row.dropped for row in gaps)
    kinds = {kind.word: int(n) for kind in KINDS if (n := np.count_nonzero(batch.kind == kind))}
    store.set_counts(recorded + dropped, recorded, dropped, 0, kinds)
    store.set_unseen(UNSEEN)
    store.finish()
    return path


def _people() -> tuple[list[ProcessRow], list[TrackRow]]:
    """Processes and tracks; track n stands for process n, threads follow."""
    command = "gunicorn shop.wsgi --workers 7 --threads 6"
    processes = [
        ProcessRow(process_id=1, pid=2001, name="gunicorn", command=command, python="3.12.7", start_ns=-(10**9))
    ]
    processes += [
        ProcessRow(process_id=n, pid=2000 + n, name=f"gunicorn: worker {n - 1}", command=command, parent_id=1,
                   python="3.12.7", start_ns=n * 1_000_000)
        for n in range(2, WORKERS + 2)
    ]  # fmt: skip
    processes += [
        ProcessRow(process_id=9, pid=2100, name="postgres", command="postgres -D data", parent_id=1, tier="observe"),
        ProcessRow(process_id=10, pid=2101, name="redis-server", command="redis-server *:6379", tier="observe"),
    ]
    tracks = [TrackRow(track_id=row.process_id, process_id=row.process_id, kind="process", name=row.name, start_ns=0)
              for row in processes]  # fmt: skip
    tracks.append(TrackRow(track_id=11, process_id=1, name="MainThread", os_id=2001, start_ns=0))
    for process in range(2, WORKERS + 2):
        for n in range(THREADS):
            name = "MainThread" if n == 0 else f"ThreadPoolExecutor-0_{n - 1}"
            number = len(tracks) + 1
            tracks.append(TrackRow(track_id=number, process_id=process, name=name, os_id=3000 + number, start_ns=0))
    return processes, tracks


def sites() -> list[SiteRow]:
    rows = []
    for n in range(FUNCTIONS):
        at = n * MODULES // FUNCTIONS
        module = f"shop.{_NOUNS[at % len(_NOUNS)].lower()}{'' if at < len(_NOUNS) else at // len(_NOUNS) + 1}"
        noun, verb = _NOUNS[(at + n // 16) % len(_NOUNS)], _VERBS[n % len(_VERBS)]
        file = f"/srv/shop/{module.replace('.', '/')}.py"
        rows.append(SiteRow(site_id=n + 1, function=f"{noun}.{verb}", module=module, file=file, line=12 + 9 * (n % 40)))
    return rows


def _state_keys() -> list[StateKeyRow]:
    names = ("open_orders", "cache_size", "queue", "rate_limit", "last_error", "coupons", "sessions", "totals")
    return [
        StateKeyRow(key_id=n, owner=f"shop.{owner}", key=key, scope="global")
        for n, (owner, key) in enumerate(((owner, key) for owner in ("store", "cart", "api") for key in names), 1)
    ]


def _events(tracks: list[TrackRow]) -> EventBatch:
    """Bursts of calls on all threads with minutes of little between them; the last burst is the busiest."""
    random = np.random.default_rng(7)
    threads = [row.track_id for row in tracks if row.kind == "thread"]
    columns: list[list[int]] = []
    texts: dict[int, str] = {}
    for at, burst_s in enumerate(BURSTS_S):
        last = at == len(BURSTS_S) - 1
        calls = 1_150 if last else 60 + 40 * (at % 3)
        rows = [
            row for track in threads for row in within_a_second(random, track, calls, burst_s * SECOND_NS, deep=last)
        ]
        if not last:
            rows += _quiet(random, threads, burst_s + 3, BURSTS_S[at + 1] - 6)
        columns += sorted(rows)
    ended = GAPS[0][1] * SECOND_NS  # after the other gap the last burst finds no snapshot: not captured
    columns = sorted([*columns, [ended, Kind.SNAPSHOT, GAPS[0][2], 0, 0]])
    table = np.array(columns, np.int64)
    for row in np.flatnonzero(table[:, 1] == Kind.SNAPSHOT).tolist():
        texts[row] = '{"reason":"gap","part":"whole","frames":[]}'
    for row in np.flatnonzero(table[:, 1] == Kind.STATE).tolist():
        texts[row] = f"{{'open': {row % 97}, 'late': {row % 7}, 'value': {row * 31 % 9973 / 100}}}"
    return make_batch(
        1,
        table[:, 0].copy(),
        table[:, 1].astype(np.uint8),
        table[:, 2].astype(np.int32),
        site_id=table[:, 3].astype(np.int32),
        ref=table[:, 4].copy(),
        value_rows=np.array(sorted(texts), np.int64),
        values=[texts[row] for row in sorted(texts)],
    )


def within_a_second(
    random: np.random.Generator, track: int, calls: int, start_ns: int, *, deep: bool = False
) -> list[list[int]]:
    """Rows (time, kind, track, site, ref) of nested calls within 0.98 s; some stay open at the end."""
    # A thread knows some modules well: neighbours share most of their functions.
    known = (random.integers(0, FUNCTIONS // 4, 420) * 4 + track % 4 + 1).tolist()
    depth_limit = DEEPEST if deep and track == 20 else 9
    steps = random.random(4 * calls).tolist()
    rows: list[list[int]] = []
    stack: list[int] = []
    begun = 0
    gap_ns = 980_000_000 // (2 * calls)
    time_ns = start_ns + int(random.integers(0, gap_ns))
    for step in steps:
        if begun >= calls:
            break
        time_ns += max(1, int(gap_ns * 2 * step))
        up = (begun < calls) and (not stack or (len(stack) < depth_limit and step < (0.8 if depth_limit > 9 else 0.52)))
        if up:
            site = known[(begun * 7 + len(stack)) % len(known)] % FUNCTIONS + 1
            stack.append(site)
            rows.append([time_ns, Kind.CALL, track, site, 0])
            begun += 1
            if step < 0.01:
                rows.append([time_ns, Kind.STATE, track, 0, 1 + int(step * 2_400)])
        elif stack:
            kind = Kind.UNWIND if step > 0.985 else Kind.RETURN
            rows.append([time_ns, kind, track, stack.pop(), 0])
    if not deep:
        while stack:
            time_ns += gap_ns
            rows.append([time_ns, Kind.RETURN, track, stack.pop(), 0])
    return rows


def _quiet(random: np.random.Generator, threads: list[int], first_s: int, last_s: int) -> list[list[int]]:
    """A short call here and there."""
    rows = []
    for second in range(first_s, last_s):
        track, site = int(random.choice(threads)), int(random.integers(1, FUNCTIONS))
        start_ns = second * SECOND_NS + int(random.integers(0, 900_000_000))
        rows += [[start_ns, Kind.CALL, track, site, 0], [start_ns + 40_000_000, Kind.RETURN, track, site, 0]]
    return rows


def _gaps() -> list[GapRow]:
    return [
        GapRow(start_ns=first * SECOND_NS, end_ns=last * SECOND_NS, track_id=track, dropped=lost, reason="pool full")
        for first, last, track, lost in GAPS
    ]


def _metrics(processes: list[ProcessRow]) -> list[MetricRow]:
    """A sample of every process each two seconds: CPU follows the bursts, memory grows."""
    rows = []
    for second in range(0, BURSTS_S[-1] + 1, 2):
        busy = min(abs(second - at) for at in BURSTS_S) < 4
        for row in processes:
            n = row.process_id
            cpu = (70 + 3 * n if busy else 4 + (second * n) % 5) * (0.3 if row.tier == "observe" else 1)
            rss = (48 + 6 * n + second * (0.02 if n == 4 else 0.004)) * 2**20
            for name, value in (("cpu_percent", float(cpu)), ("rss_bytes", rss), ("threads", 7.0)):
                rows.append(MetricRow(time_ns=second * SECOND_NS, process_id=n, name=name, value=value))
    return rows
