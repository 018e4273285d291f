"""`scope-gui frame`: the whole program at one instant."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

import msgspec

from capture.events.track_kinds import HEADS
from capture.shown_text import one_line
from dags.frame.reader import frame_at
from dags.frame_parts import (
    LINE_WORDS,
    Frame,
    FrameState,
    FrameTrack,
    StackFrame,
    process_status_text,
    status_text,
)
from scope_gui.streams import print_json
from scope_gui.verbs.answers import short_cell
from scope_gui.verbs.opened import opened
from scope_gui.verbs.shared_flags import TIMES, json_flag, session_flag, time_word
from views.words.timespec import text_from_ns, time_ns_from_text


def flags(parser: argparse.ArgumentParser) -> None:
    """Which instant."""
    session_flag(parser)
    parser.add_argument("--at", type=time_word, required=True, metavar="TIME", help=TIMES)
    parser.add_argument("--all", action="store_true", help="list threads that have ended, too")
    json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the whole program at one instant."""
    with opened(arguments.session) as session:
        time_ns = time_ns_from_text(arguments.at, session.start_ns, session.end_ns)
        shown = frame_at(session, time_ns)
    if arguments.json:
        print_json(shown)
    else:
        print("\n".join(map(one_line, _frame_lines(shown, every_track=arguments.all))))
    return 0


def _frame_lines(shown: Frame, *, every_track: bool) -> Iterable[str]:
    yield f"at {text_from_ns(shown.time_ns)}, after event {shown.event_id}{'' if shown.complete else ' (incomplete)'}"
    for process in shown.processes:
        rss = f"{process.rss_bytes / (1 << 20):.1f} MiB" if process.rss_bytes is not None else "not sampled"
        cpu = f"{process.cpu_percent:.0f} %" if process.cpu_percent is not None else "not sampled"
        yield f"process {process.pid} {process.name}: {process_status_text(process)}, RSS {rss}, CPU {cpu}"
        tracks = [t for t in shown.tracks if t.process_id == process.process_id and t.kind not in HEADS]
        ended = sum(track.status == "ended" for track in tracks)
        for track in tracks:
            if every_track or track.status != "ended":
                yield from _track_lines(track)
        if ended and not every_track:
            yield f"  {ended} ended thread{'s' * (ended > 1)}, --all shows them"
    for state in shown.states:
        yield f"  {state.owner}.{state.key} = {short_cell(state.value)}{_doubt_of(state)}"
    for name, value in sorted(shown.metrics.items()):
        yield f"  {name} {value:g}"
    yield "confidence: " + ", ".join(
        f"{part} {word}" for part, word in msgspec.structs.asdict(shown.confidence).items()
    )


def _doubt_of(state: FrameState) -> str:
    said: list[str] = [state.confidence] if state.confidence != "exact" or state.changes > 1 else []
    if state.changes > 1:
        said.append(f"{state.changes:,} changes".replace(",", " "))
    return f" ({', '.join(said)})" if said else ""


def _track_lines(track: FrameTrack) -> Iterable[str]:
    status = status_text(track) if track.waiting_on is None else f"waiting on {track.waiting_on}"
    yield f"  {track.kind} {track.name or track.track_id} ({status})"
    if track.exception is not None:
        said = f": {track.exception.message}" if track.exception.message is not None else ""
        yield f"    raises {track.exception.type or 'an exception'}{short_cell(said)}"
    for entry in track.stack:
        yield f"    {entry.function}{_arguments(entry)}  {LINE_WORDS[entry.line_is]} {entry.file}:{entry.line}"
        for one in entry.locals or ():
            since = f", since {text_from_ns(one.since_ns)}"
            yield f"      {'*' if one.changed else ' '} {one.name} = {short_cell(one.value)}{since}"


def _arguments(entry: StackFrame) -> str:
    """In parentheses; '' where they are not known."""
    if entry.arguments is None:
        return ""
    said = (f"{one.name}={one.value}" if one.name else one.value for one in entry.arguments)
    return f"({short_cell(', '.join(said))})"
