"""The verbs that read a session: info, frame, events, query."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa

from capture.measured_cost import told
from capture.session import Session
from dags.frame import frame_at
from dags.frame_parts import LINE_WORDS, Frame, FrameTrack, process_status_text, status_text
from dags.open_rows import open_rows
from scope_gui.blindness import unseen_lines
from scope_gui.timespec import text_from_ns, time_ns_from_text

MOST_COLUMN_CHARACTERS = 60


def info(arguments: argparse.Namespace) -> int:
    """Prints what a session holds."""
    with Session.open(arguments.session) as session:
        figures = session.info()
        if arguments.json:
            _print_json(figures)
            return 0
        values = msgspec.structs.asdict(figures)
        kinds, problems, unseen = values.pop("kinds"), values.pop("problems"), values.pop("unseen")
        overhead = values.pop("overhead")
        values["overhead"] = told(overhead, " of the program's CPU time") if overhead is not None else "not known"
        for name, value in values.items():
            shown = text_from_ns(value) if name == "duration_ns" else value
            print(f"{name.removesuffix('_ns'):<16} {shown}")
        print(f"{'kinds':<16} {', '.join(f'{name} {count}' for name, count in sorted(kinds.items()))}")
        for problem in problems:
            print(f"{'problem':<16} {problem.what}")
        if unseen:
            print()
            print("\n".join(unseen_lines(unseen)))
    return 0


def frame(arguments: argparse.Namespace) -> int:
    """Prints the whole program at one instant."""
    with Session.open(arguments.session) as session:
        time_ns = time_ns_from_text(arguments.at, session.start_ns, session.end_ns)
        shown = frame_at(session, time_ns)
    if arguments.json:
        _print_json(shown)
    else:
        print("\n".join(_frame_lines(shown, every_track=arguments.all)))
    return 0


def events(arguments: argparse.Namespace) -> int:
    """Prints recorded events of a stretch of time, with their functions."""
    with Session.open(arguments.session) as session:
        from_ns, to_ns = (
            time_ns_from_text(text, session.start_ns, session.end_ns)
            for text in (arguments.from_time, arguments.to_time)
        )
        where = [f"time_ns BETWEEN {from_ns} AND {to_ns}"]
        if arguments.kind:
            where.append(f"events.kind IN ({', '.join(_sql_text(kind) for kind in arguments.kind)})")
        if arguments.track is not None:
            where.append(f"events.track_id = {arguments.track}")
        table = _answer(
            session,
            f"""SELECT event_id, time_ns, events.kind, events.track_id, tracks.name AS track,
                       sites.function, sites.file, sites.line, value, ref
                FROM events LEFT JOIN tracks USING (track_id) LEFT JOIN sites USING (site_id)
                WHERE {" AND ".join(where)}
                ORDER BY event_id {f"LIMIT {arguments.limit}" if arguments.limit else ""}""",
        )
    _print_table(table, arguments.format)
    return 0


def query(arguments: argparse.Namespace) -> int:
    """Prints the answer to an SQL query."""
    with Session.open(arguments.session) as session:
        table = _answer(session, arguments.sql, open_rows(session) if session.live else None)
        for problem in session.problems:
            print(f"scope-gui: {problem.what}", file=sys.stderr)
    _print_table(table, arguments.format)
    return 0


def _answer(session: Session, sql: str, open_rows: Mapping[str, Any] | None = None) -> pa.Table:
    from capture.query import query as ask  # noqa: PLC0415 - duckdb takes as long to import as all the rest of a frame

    return ask(session, sql, open_rows)


def _print_json(value: Any) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def _print_table(table: pa.Table, format_name: str) -> None:
    if format_name == "json":
        _print_json([{name: _number(value) for name, value in row.items()} for row in table.to_pylist()])
        return
    rows: Iterable[dict[str, Any]] = (row for batch in table.to_batches() for row in batch.to_pylist())
    names = table.column_names
    if format_name == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([_harmless(row[name]) for name in names] for row in rows)
    else:
        _print_columns(names, [[_shown(row[name]) for name in names] for row in rows])


def _number(value: Any) -> Any:
    """A sum of int64 comes as a decimal, which JSON would have to quote."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def _print_columns(names: Sequence[str], rows: list[list[str]]) -> None:
    widths = [max([len(name), *(len(row[i]) for row in rows)]) for i, name in enumerate(names)]
    for cells in (names, ["-" * width for width in widths], *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def _shown(value: Any) -> str:
    """One cell on one line: control characters from a session must not reach the terminal."""
    text = "" if value is None else str(value)
    text = "".join(c if c.isprintable() else "�" for c in text)
    return text if len(text) <= MOST_COLUMN_CHARACTERS else text[: MOST_COLUMN_CHARACTERS - 1] + "…"


def _harmless(value: Any) -> Any:
    """A CSV cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@"} else value


def _sql_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _frame_lines(shown: Frame, *, every_track: bool) -> Iterable[str]:
    yield f"at {text_from_ns(shown.time_ns)}, after event {shown.event_id}{'' if shown.complete else ' (incomplete)'}"
    for process in shown.processes:
        rss = f"{process.rss_bytes / (1 << 20):.1f} MiB" if process.rss_bytes is not None else "not sampled"
        cpu = f"{process.cpu_percent:.0f} %" if process.cpu_percent is not None else "not sampled"
        yield f"process {process.pid} {process.name}: {process_status_text(process)}, RSS {rss}, CPU {cpu}"
        tracks = [t for t in shown.tracks if t.process_id == process.process_id and t.kind != "process"]
        ended = sum(track.status == "ended" for track in tracks)
        for track in tracks:
            if every_track or track.status != "ended":
                yield from _track_lines(track)
        if ended and not every_track:
            yield f"  {ended} ended thread{'s' * (ended > 1)}, --all shows them"
    for state in shown.states:
        count = f"{state.changes:,}".replace(",", " ")
        counted = f" ({state.confidence}, {count} changes)" if state.changes > 1 else ""
        yield f"  {state.owner}.{state.key} = {_shown(state.value)}{counted}"
    for name, value in sorted(shown.metrics.items()):
        yield f"  {name} {value:g}"
    yield "confidence: " + ", ".join(
        f"{part} {word}" for part, word in msgspec.structs.asdict(shown.confidence).items()
    )


def _track_lines(track: FrameTrack) -> Iterable[str]:
    status = status_text(track) if track.waiting_on is None else f"waiting on {track.waiting_on}"
    yield f"  {track.kind} {track.name or track.track_id} ({status})"
    for entry in track.stack:
        yield f"    {entry.function}  {LINE_WORDS[entry.line_is]} {entry.file}:{entry.line}"
