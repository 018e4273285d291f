"""The verbs that read a session: info, frame, events, query."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from capture.errors import SessionProblem, WrongUsage
from capture.events.batch import KIND_CODES
from capture.measured_cost import told
from capture.session.session import Session
from capture.shown_text import one_line
from dags.correlate.open_rows import open_rows
from dags.frame.reader import frame_at
from dags.frame_parts import LINE_WORDS, Frame, FrameTrack, process_status_text, status_text
from scope_gui.blindness import unseen_lines
from scope_gui.streams import print_json
from scope_gui.verbs.answers import print_table, short_cell
from scope_gui.verbs.opened import no_track, opened
from views.words.timespec import text_from_ns, time_ns_from_text


def info(arguments: argparse.Namespace) -> int:
    """Prints what a session holds."""
    with Session.open(arguments.session) as session:
        figures = session.info()
        if arguments.json:
            print_json(figures)
            return 0
        values = msgspec.structs.asdict(figures)
        kinds, problems, unseen = values.pop("kinds"), values.pop("problems"), values.pop("unseen")
        overhead = values.pop("overhead")
        values["overhead"] = told(overhead, " of the program's CPU time") if overhead is not None else "not known"
        for name, value in values.items():
            shown = text_from_ns(value) if name == "duration_ns" else value
            print(f"{name.removesuffix('_ns'):<16} {one_line(str(shown))}")
        print(f"{'kinds':<16} {one_line(', '.join(f'{name} {count}' for name, count in sorted(kinds.items())))}")
        for problem in problems:
            print(f"{'problem':<16} {one_line(problem.what)}")
        if unseen:
            print()
            print("\n".join(unseen_lines(unseen)))
    return 0


def frame(arguments: argparse.Namespace) -> int:
    """Prints the whole program at one instant."""
    with opened(arguments.session) as session:
        time_ns = time_ns_from_text(arguments.at, session.start_ns, session.end_ns)
        shown = frame_at(session, time_ns)
    if arguments.json:
        print_json(shown)
    else:
        print("\n".join(map(one_line, _frame_lines(shown, every_track=arguments.all))))
    return 0


def events(arguments: argparse.Namespace) -> int:
    """Prints recorded events of a stretch of time, with their functions."""
    with opened(arguments.session) as session:
        from_ns, to_ns = (
            time_ns_from_text(text, session.start_ns, session.end_ns)
            for text in (arguments.from_time, arguments.to_time)
        )
        if from_ns > to_ns:
            raise SessionProblem(f"--from {arguments.from_time} is after --to {arguments.to_time}.")
        _require_kinds(session, arguments.kind)
        if arguments.track is not None and all(track.track_id != arguments.track for track in session.tracks()):
            raise no_track(session, arguments.track)
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
            max_rows=0,
        )
    print_table(table, arguments.format)
    return 0


def query(arguments: argparse.Namespace) -> int:
    """Prints the answer to an SQL query."""
    with opened(arguments.session) as session:
        rows = open_rows(session) if session.live else None
        table = _answer(session, arguments.sql, rows, max_rows=arguments.max_rows, max_seconds=arguments.max_seconds)
    print_table(table, arguments.format)
    return 0


def _answer(
    session: Session, sql: str, open_rows: Mapping[str, Any] | None = None, *, max_rows: int, max_seconds: float = 0
) -> pa.Table:
    from capture.session.query import Limits  # noqa: PLC0415 - duckdb takes as long to import as all the rest of a frame
    from capture.session.query import query as ask  # noqa: PLC0415

    return ask(session, sql, open_rows, Limits(rows=max_rows, seconds=max_seconds))


def _require_kinds(session: Session, asked: Sequence[str]) -> None:
    """Raises: WrongUsage for a kind that is neither one of ours nor, of a newer Scope's, one of this session."""
    kinds = {**KIND_CODES, **session.manifest.kinds}
    for kind in asked:
        if kind not in kinds:
            raise WrongUsage(f"There is no kind {kind!r} of events; there are {', '.join(kinds)}.")


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
        yield f"  {state.owner}.{state.key} = {short_cell(state.value)}{counted}"
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
