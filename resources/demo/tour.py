#!/usr/bin/env python3
"""Records the order service for some seconds and tells in words what happened: `make demo`.

Everything goes through the command line that a person would type; each step prints it first.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SESSION = Path("out", "demo.scope")
SCOPE = Path(sys.executable).with_name("scope-gui")
SLOT_NS = 100_000_000
SHOWN_FRAMES = 8

CALLS_BY_FUNCTION = """
    SELECT function, count(*) AS calls, sum(end_ns - start_ns) / 1e6 AS total_ms, max(end_ns - start_ns) / 1e6 AS max_ms
    FROM calls JOIN sites USING (site_id) WHERE end_ns IS NOT NULL GROUP BY ALL ORDER BY {order} DESC LIMIT {limit}"""
EVENTS_BY_THREAD = """
    SELECT coalesce(name, 'thread ' || track_id) AS name, count(*) AS events FROM events JOIN tracks USING (track_id)
    WHERE tracks.kind = 'thread' GROUP BY ALL ORDER BY events DESC"""
# The type is told by Python 3.12 and later.
EXCEPTIONS = """
    SELECT function, coalesce(value, 'an exception') AS name, count(*) AS times FROM events JOIN sites USING (site_id)
    WHERE kind = 'unwind' GROUP BY ALL ORDER BY times DESC LIMIT 6"""
BUSIEST_SLOT = f"""
    SELECT time_ns // {SLOT_NS} AS slot, count(*) AS events FROM events
    GROUP BY ALL ORDER BY events DESC, slot LIMIT 1"""
DEEPEST_CALL = """
    SELECT start_ns FROM calls WHERE start_ns BETWEEN {start} AND {end} ORDER BY depth DESC, start_ns LIMIT 1"""
# A delivery of 12 units must raise the stock by 12; any other step went over a reservation made in between.
LOST_UPDATES = """
    SELECT count(*) AS overwritten FROM states JOIN tracks ON writer_track_id = track_id
    WHERE key = 'units' AND name = 'restocker' AND try_cast(new AS BIGINT) - try_cast(old AS BIGINT) <> 12"""

Row = dict[str, Any]


@contextmanager
def order_service() -> Iterator[int]:
    """Runs the demo target; its PID. It is ended by that PID afterwards."""
    command = [sys.executable, "-m", "orders"]
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True) as service:
        try:
            ready = service.stdout.readline() if service.stdout else ""
            if "ready" not in ready:
                raise SystemExit(f"the order service did not start: {ready.strip() or 'no output'}")
            yield service.pid
        finally:
            service.terminate()
            service.communicate()  # leaving the block closes the pipe, and the service still has a last word


def scope(*words: str | Path, quiet: bool = False) -> str:
    """Standard output of a `scope-gui` command; ends the tour with the command's own sentence when it fails."""
    if not quiet:
        print(f"$ scope-gui {shlex.join(map(str, words))}", flush=True)
    done = subprocess.run([SCOPE, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    return done.stdout


def query(sql: str) -> list[Row]:
    rows: list[Row] = json.loads(scope("query", SESSION, sql, "--format", "json", quiet=True))
    return rows


def remove_old_session() -> None:
    path = ROOT / SESSION
    path.parent.mkdir(exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def number(value: float) -> str:
    """Digits in groups of three: 1 234 567."""
    return f"{value:,.0f}".replace(",", " ")


def counted(count: int, word: str) -> str:
    return f"{number(count)} {word}" if count == 1 else f"{number(count)} {word}s"


def size(octets: float) -> str:
    return f"{octets / 2**20:.1f} MiB" if octets >= 2**20 else f"{octets / 2**10:.0f} KiB"


def tell_what_happened(info: Row) -> None:
    seconds = info["duration_ns"] / 1e9
    calls = query("SELECT count(*) AS calls FROM calls")[0]["calls"]
    loss = f"{number(info['dropped'])} were lost and counted" if info["dropped"] else "none was lost"
    print(f"\nIn {seconds:.1f} s the service produced {number(info['produced'])} events; {loss}.")
    print(f"It made {number(calls)} calls, {number(calls / seconds)} a second.")
    octets = info["size_bytes"]
    print(f"On disk that is {size(octets)}, {octets / max(1, info['recorded']):.1f} bytes an event.")
    threads = query(EVENTS_BY_THREAD)
    print(f"\n{counted(len(threads), 'thread')} had something to do (events):")
    print_columns([(row["name"], number(row["events"])) for row in threads])
    print("\nCalled most often:")
    print_columns(call_lines(CALLS_BY_FUNCTION.format(order="calls", limit=6)))
    print("\nTook the longest in one call:")
    print_columns(call_lines(CALLS_BY_FUNCTION.format(order="max_ms", limit=6)))
    print("\nLeft by an exception:")
    print_columns([(row["function"], counted(row["times"], "time"), row["name"]) for row in query(EXCEPTIONS)])
    tell_lost_updates()


def call_lines(sql: str) -> list[tuple[str, ...]]:
    return [
        (
            row["function"],
            counted(row["calls"], "call"),
            f"{row['total_ms']:.1f} ms",
            f"longest {row['max_ms']:.1f} ms",
        )
        for row in query(sql)
    ]


def tell_lost_updates() -> None:
    overwritten = query(LOST_UPDATES)[0]["overwritten"]
    if overwritten:
        print(
            f"\nThe history of Stock.units shows a lost update {counted(overwritten, 'time')}: the thread `restocker`"
        )
        print("wrote a sum that a reservation of another thread had made stale (resources/demo/README.md says why).")


def print_columns(rows: list[tuple[str, ...]]) -> None:
    """Rows as columns: the first left, the others right."""
    if not rows:
        print("  nothing")
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        print("  " + "   ".join([first.ljust(widths[0]), *cells]))


def busiest_moment() -> tuple[int, int]:
    """(time, events in its tenth of a second): the deepest call of the tenth with the most events.

    Raises: SystemExit when nothing was recorded.
    """
    slots = query(BUSIEST_SLOT)
    if not slots:
        raise SystemExit("nothing was recorded: the service was idle")
    start = slots[0]["slot"] * SLOT_NS
    deepest = query(DEEPEST_CALL.format(start=start, end=start + SLOT_NS))
    return (deepest[0]["start_ns"] if deepest else start), slots[0]["events"]


def tell_frame(time_ns: int, events: int) -> None:
    print(f"\nThe busiest moment, {time_ns / 1e9:.6f} s ({number(events)} events in a tenth of a second):")
    frame = json.loads(scope("frame", SESSION, "--at", f"{time_ns}ns", "--json"))
    for process in frame["processes"]:
        tell_process(process, [track for track in frame["tracks"] if track["process_id"] == process["process_id"]])
    confidence = ", ".join(f"{what} {how}" for what, how in frame["confidence"].items())
    print(f"  how sure: {confidence}")


def tell_process(process: Row, tracks: list[Row]) -> None:
    cpu, rss = process.get("cpu_percent"), process.get("rss_bytes")
    facts = [f"{cpu:.0f} % CPU" if cpu is not None else "", size(rss) if rss is not None else ""]
    print(f"  process {process['pid']} {process['name']}  {'  '.join(filter(None, facts))}")
    for track in tracks:
        if track["kind"] != "process":
            tell_track(track)


def tell_track(track: Row) -> None:
    stack = track["stack"]
    print(
        f"    {track['kind']} {track['name'] or track['track_id']}: {track['status'] if stack else 'nothing recorded'}"
    )
    if len(stack) > SHOWN_FRAMES:
        print(f"      ... {len(stack) - SHOWN_FRAMES} callers")
    for entry in stack[-SHOWN_FRAMES:]:
        print(f"      {entry['function']:<36} {Path(entry['file']).name}:{entry['line']}")


def record(seconds: float) -> None:
    remove_old_session()
    with order_service() as pid:
        print(f"The order service runs as process {pid}.")
        watched = ["--state", "orders.inventory.Stock"]
        scope("attach", str(pid), "-o", SESSION, "--duration", f"{seconds:g}", "--no-window", *watched)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0, metavar="N", help="how long to record")
    parser.add_argument("--again", action="store_true", help="tell of the last recording instead of making a new one")
    arguments = parser.parse_args()
    if not arguments.again:
        record(arguments.seconds)
    tell_what_happened(json.loads(scope("info", SESSION, "--json")))
    tell_frame(*busiest_moment())
    print(f"\nThe session stays in {SESSION}. Ask it more:")
    print(f"  .venv/bin/scope-gui frame {SESSION} --at 50%")
    print(f'  .venv/bin/scope-gui query {SESSION} "SELECT * FROM calls ORDER BY end_ns - start_ns DESC LIMIT 5"')
    return 0


if __name__ == "__main__":
    sys.exit(main())
