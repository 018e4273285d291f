"""What is different between the marked moment and the cursor's: memory, threads, a stack, values. No Qt.

Both directions of time read the same way: what went is of the earlier moment, what came is of the later one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from capture.events.track_kinds import HEADS
from dags.frame_parts import Frame, FrameProcess, FrameState, FrameTrack
from views.inspector.diff import Piece, value_diff
from views.inspector.sections import NAME_LENGTH, VALUE_LENGTH, Link, Row, Section
from views.loop.events import Mark, SeekTo, Select
from views.loop.state import Selection
from views.words.figures import count_text, duration_text, size_text
from views.words.plain_text import plain

MAX_CELLS = 60
MAX_NAMED = 6
LEAST_BYTES = 64 << 10

_Cell = tuple[int, str, str]


def comparison(now: Frame, marked: Frame, track_id: int | None = None, process_id: int | None = None) -> Section:
    """What changed between the marked moment and this one.

    Of one thread with `track_id`: its stack and what it wrote; of one process with `process_id`; else of the whole
    program. The latest change comes first.
    """
    earlier, later = sorted((marked, now), key=lambda frame: frame.time_ns)
    apart = duration_text(later.time_ns - earlier.time_ns)
    leads = (Link("go there", SeekTo(time_ns=marked.time_ns, visit=True)), Link("forget", Mark(forget=True)))
    words = f"{apart} {'before' if marked is earlier else 'after'} this one"
    rows = [Row(key="mark", label="Marked moment", pieces=(Piece(words),), links=leads)]
    if track_id is None:
        rows += _process_rows(earlier, later, process_id)
        rows += _thread_rows(earlier, later, process_id)
    else:
        rows += _stack_rows(earlier, later, track_id)
    cells = _changed_cells(earlier, later, track_id)
    names = {track.track_id: track.name for track in (*earlier.tracks, *later.tracks)}
    before = "ago" if later is now else "before the mark"
    rows += [_cell_row(later, old, new, names, before) for old, new in cells[:MAX_CELLS]]
    if len(cells) > MAX_CELLS:
        rows.append(Row(key="more", label=f"{count_text(len(cells) - MAX_CELLS)} more values changed"))
    if len(rows) == 1:
        rows.append(Row(key="same", label="Nothing that was captured is different"))
    return Section(key="compare", title="Compared with the marked moment", rows=tuple(rows))


def _process_rows(earlier: Frame, later: Frame, process_id: int | None) -> list[Row]:
    before = {process.process_id: process for process in earlier.processes}
    rows = []
    for process in later.processes:
        old = before.get(process.process_id)
        if process_id not in (None, process.process_id) or old is None:
            continue
        rows += _memory_row(old, process)
    return rows


def _memory_row(old: FrameProcess, new: FrameProcess) -> list[Row]:
    if old.rss_bytes is None or new.rss_bytes is None or abs(new.rss_bytes - old.rss_bytes) < LEAST_BYTES:
        return []
    grown = new.rss_bytes - old.rss_bytes
    note = f"{'+' if grown > 0 else '-'}{size_text(abs(grown))}"
    pieces = (Piece(size_text(old.rss_bytes), "old"), Piece(" "), Piece(size_text(new.rss_bytes), "new"))
    name = plain(f"memory of {new.name} {new.pid}", NAME_LENGTH)
    return [Row(key=f"memory {new.process_id}", label=name, pieces=pieces, note=note)]


def _thread_rows(earlier: Frame, later: Frame, process_id: int | None) -> list[Row]:
    before, after = (_alive(frame, process_id) for frame in (earlier, later))
    rows = []
    for key, word, tracks in (
        ("started", "began", [after[one] for one in after if one not in before]),
        ("ended", "ended", [before[one] for one in before if one not in after]),
    ):
        if tracks:
            label = f"{count_text(len(tracks))} {'thread' if len(tracks) == 1 else 'threads'} {word}"
            links = (Link("show", Select(selection=Selection("track", tracks[0].track_id, tracks[0].track_id))),)
            rows.append(Row(key=key, label=label, pieces=(Piece(_named(tracks)),), links=links))
    return rows


def _alive(frame: Frame, process_id: int | None) -> dict[int, FrameTrack]:
    return {
        track.track_id: track
        for track in frame.tracks
        if track.kind not in HEADS and track.status != "ended" and process_id in (None, track.process_id)
    }


def _named(tracks: Iterable[FrameTrack]) -> str:
    names = [plain(track.name or "unnamed", 60) for track in tracks]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def _stack_rows(earlier: Frame, later: Frame, track_id: int) -> list[Row]:
    old, new = (next((t for t in frame.tracks if t.track_id == track_id), None) for frame in (earlier, later))
    if old is None or new is None:
        words = "The thread was not there yet" if old is None else "The thread was not there any more"
        return [Row(key="stack", label=words)]
    shared = 0
    for one, other in zip(old.stack, new.stack, strict=False):
        if one.call_id != other.call_id:
            break
        shared += 1
    went = [plain(call.function, NAME_LENGTH) for call in old.stack[shared:]]
    came = [plain(call.function, NAME_LENGTH) for call in new.stack[shared:]]
    if not went and not came:
        return []
    pieces = (Piece(" > ".join(went), "old"), Piece(" "), Piece(" > ".join(came), "new"))
    kept = "no call is the same"
    if shared:
        kept = "the outermost call is the same" if shared == 1 else f"the {count_text(shared)} outer calls are the same"
    return [Row(key="stack", label="stack", pieces=tuple(piece for piece in pieces if piece.text), note=kept)]


def _changed_cells(
    earlier: Frame, later: Frame, track_id: int | None
) -> list[tuple[FrameState | None, FrameState | None]]:
    before, after = ({_cell(state): state for state in frame.states} for frame in (earlier, later))
    found = [
        (before.get(cell), after.get(cell))
        for cell in dict.fromkeys((*before, *after))
        if _version(before.get(cell)) != _version(after.get(cell))
    ]
    if track_id is not None:
        found = [(old, new) for old, new in found if new is not None and new.writer_track_id == track_id]
    return sorted(found, key=lambda pair: -max(state.since_ns for state in pair if state is not None))


def _cell(state: FrameState) -> _Cell:
    return state.object_id, state.owner, state.key


def _version(state: FrameState | None) -> int | None:
    return None if state is None else state.version_id


def _cell_row(
    later: Frame, old: FrameState | None, new: FrameState | None, names: Mapping[int, str], before: str
) -> Row:
    state = new or old
    assert state is not None
    cell = f"{state.owner}.{state.key}" + (f" #{state.object_id}" if state.object_id else "")
    when = "gone" if new is None else f"{duration_text(later.time_ns - new.since_ns)} {before}"
    if new is None or old is None:
        pieces: tuple[Piece, ...] = (Piece(plain(state.value, VALUE_LENGTH), "old" if new is None else "new"),)
    else:
        pieces = value_diff(plain(old.value, VALUE_LENGTH), plain(new.value, VALUE_LENGTH))
        if old.value == new.value:
            when = f"the same value again, {when}"
    writer = plain(names.get(state.writer_track_id, ""), NAME_LENGTH)
    links = () if new is None else (Link("go to last change", SeekTo(time_ns=new.since_ns, visit=True)),)
    return Row(
        key=":".join(str(part) for part in _cell(state)),
        label=plain(cell, NAME_LENGTH),
        pieces=pieces,
        note=f"{when} by {writer}" if writer and new is not None else when,
        links=links,
    )
