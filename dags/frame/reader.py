"""The program at any instant, from any session: live, reopened, damaged or complete.

The law: a frame from a keyframe and the events after it equals one from a replay of everything before it. So all
that a frame shows comes from the state of the DAGs, and from rows that carry their own times; never from anything
that lies after the instant.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Set
from typing import NamedTuple

from capture.errors import SessionProblem
from capture.events.batch import EventBatch
from capture.events.definitions import ProcessRow
from capture.events.kinds import NO_TRACK_SLOT
from capture.events.metrics import OS_STATE, OS_STATES, together
from capture.flags import mode_named
from capture.session.session import Session
from dags.code.frame_part import StackFrames
from dags.correlate.correlator import Correlator
from dags.correlate.replay import SegmentReplay, state_before
from dags.exceptions.dag import Raised
from dags.frame.asked import AskedParts
from dags.frame.context import FrameContext
from dags.frame.tracks import CONFIDENCES, TracksAt
from dags.frame_parts import (
    Confidence,
    Frame,
    FrameConfidence,
    FrameException,
    FrameGap,
    FrameMemory,
    FrameProcess,
    FrameSettings,
    FrameState,
    FrameTrack,
    StackFrame,
    Status,
)
from dags.locals.at_lines import add_locals
from dags.process.dag import Waiting
from dags.process.waiting import Asleep
from dags.state.dag import UNSURE, Version

MAX_CACHED = 100_000  # states, and tracks

_OF_LOOKS: dict[float | None, Status] = {float(n): word for n, word in enumerate(OS_STATES)}


class _Does(NamedTuple):
    """What a track does at an instant; how sure stack and status are, as places in CONFIDENCES."""

    stack: list[StackFrame]
    stack_sure: int
    status_sure: int
    joins: Waiting | None = None
    sleeps: Asleep | None = None
    exception: Raised | None = None


def frame_at(session: Session, time_ns: int) -> Frame:
    """The frame at one instant. For more than one, a FrameReader is many times faster.

    Raises: SessionProblem when the instant lies outside the recording.
    """
    return FrameReader(session, cache_segments=1).at(time_ns)


class FrameReader:
    """Frames of one session, with the last segments used kept in memory. One thread at a time.

    After `session.refresh()` it goes on with what has been added.
    """

    def __init__(
        self, session: Session, cache_segments: int = 8, events: Callable[[int], EventBatch] | None = None
    ) -> None:
        """`events`: where the events of a segment come from, for those who have them in memory; else the session."""
        self._session = session
        self._events = events or session.events
        self._cache_segments = cache_segments
        self._segments: OrderedDict[tuple[int, int], SegmentReplay] = OrderedDict()
        self._context = FrameContext(session)
        self._stacks = StackFrames(self._context.sites)
        self._states: dict[int, tuple[Version, FrameState]] = {}
        self._tracks_made: dict[tuple[int, bool], tuple[_Does, FrameTrack]] = {}

    def at(self, time_ns: int, parts: Set[str] | None = None, tracks: Collection[int] | None = None) -> Frame:
        """The frame at that instant; with `parts` and `tracks` only what is asked for is made, and costs.

        parts: of PARTS, and names of followers that say something of their own; None: all. tracks: by id; None: all.
        What the frame has is the same as in a whole one, and `left_out` names the rest.

        Raises: SessionProblem when the instant lies outside the recording. ValueError for a part that nobody gives.
        """
        session = self._session
        if not session.start_ns <= time_ns <= session.end_ns:
            raise SessionProblem(
                f"{time_ns} ns lies outside the recording,"
                f" which goes from {session.start_ns} ns to {session.end_ns} ns."
            )
        asked = AskedParts.of(parts, tracks)
        if self._context.is_outdated():
            self._context = FrameContext(session)
            self._stacks = StackFrames(self._context.sites)
            self._states.clear()
            self._tracks_made.clear()
        index = session.segment_at(time_ns)
        if index is None:
            state, event_id = Correlator(), 0
        else:
            replay = self._segment(index)
            state = replay.state_at(replay.rows_until(time_ns))
            event_id = state.temporal.moment.event_id
        return self._frame(time_ns, event_id, state, index, asked)

    def _segment(self, index: int) -> SegmentReplay:
        entry = self._session.segments[index]
        key = (entry.seq, entry.events)
        replay = self._segments.get(key)
        if replay is None:
            replay = SegmentReplay(self._events(index), state_before(self._session, index), self._context.tracks)
            self._segments[key] = replay
            while len(self._segments) > self._cache_segments:
                self._segments.popitem(last=False)
        self._segments.move_to_end(key)
        return replay

    def _frame(self, time_ns: int, event_id: int, state: Correlator, index: int | None, asked: AskedParts) -> Frame:
        context, parts = self._context, asked.parts
        gaps = context.gaps_at(time_ns)
        damaged = context.is_damaged(index) or any(gap.track_id is None for gap in gaps)
        all_tracks = TracksAt(
            context.track_columns,
            time_ns,
            state.code.stacks,
            state.process.state.waiting,
            context.asleep_at(time_ns, index, state.waits.state.asleep),
            broken_off=context.broken_off(time_ns) if context.captures_calls and not damaged else None,
        )
        sampled = context.metrics_at(time_ns, index)
        settings = context.settings_at(time_ns)
        return Frame(
            time_ns=time_ns,
            event_id=event_id,
            complete=not gaps and not damaged and not context.lacks_names,
            processes=self._processes(time_ns, state, all_tracks, sampled) if "processes" in parts else [],
            tracks=self._tracks(time_ns, state, all_tracks, asked) if "tracks" in parts else [],
            states=self._states_at(time_ns, state) if "states" in parts else [],
            messages=[],
            locks=[],
            memory=FrameMemory(),
            metrics=together(sampled) if "metrics" in parts else {},
            gaps=gaps,
            confidence=self._confidence(
                time_ns,
                state,
                all_tracks,
                has_samples=bool(sampled),
                is_known=not damaged and not _lacks_threads(gaps),
            ),
            settings=settings,
            parts=state.parts(time_ns, parts),
            unknown=state.unknown_in_frames,
            left_out=asked.left_out,
        )

    def _confidence(
        self,
        time_ns: int,
        state: Correlator,
        tracks: TracksAt,
        *,
        has_samples: bool,
        is_known: bool,
    ) -> FrameConfidence:
        """The least sure of the live threads; a recorded program that runs without any has not been looked at yet."""
        context, has_any = self._context, tracks.has_recorded()
        is_known = is_known and bool(context.recorded) and (has_any or not self._runs(time_ns))
        modes = [mode_named(one.mode) for one in context.all_settings_at(time_ns) if one.since_ns is not None]
        records_states = context.captures_states and all(mode is None or "states" in mode.sees for mode in modes)
        sampled: Confidence = "sampled" if state.state.is_sampled() else "exact"
        return FrameConfidence(
            stacks=tracks.stacks_confidence() if is_known else "not captured",
            states=sampled if records_states else "not captured",
            metrics="sampled" if has_samples else "not captured",
            status=tracks.status_confidence() if has_any else "not captured",
        )

    def _runs(self, time_ns: int) -> bool:
        """Whether a recorded process lives."""
        rows = self._context.recorded.values()
        return any(_has_begun(row, time_ns) and not _has_ended(row, time_ns) for row in rows)

    def _processes(
        self, time_ns: int, state: Correlator, tracks: TracksAt, sampled: dict[int, dict[str, float]]
    ) -> list[FrameProcess]:
        return [
            _process(
                row,
                threads,
                sampled.get(row.process_id, {}),
                state,
                time_ns,
                settings=self._context.own_settings_at(time_ns, row.process_id),
            )
            for row, threads in zip(self._context.processes, tracks.processes(), strict=True)
            if _has_begun(row, time_ns)
        ]

    def _tracks(self, time_ns: int, state: Correlator, tracks: TracksAt, asked: AskedParts) -> list[FrameTrack]:
        rows = tracks.rows_of(asked.tracks)
        heads = tracks.heads(rows)
        stacks: dict[int, list[StackFrame]] = {}
        if "stacks" in asked.parts:
            unique = not self._session.damaged_segments()
            stacks = self._stacks.of(state.code, heads, time_ns, call_ids_are_unique=unique)
            add_locals(stacks, heads, state.locals)
        on_its_way, found = state.exceptions.on_its_way, []
        for at, ended, sure, status_sure in zip(
            rows.tolist(),
            tracks.ended(rows).tolist(),
            tracks.stack_sure(rows, heads).tolist(),
            tracks.status_sure(rows).tolist(),
            strict=True,
        ):
            row = self._context.tracks[at]
            if ended:
                found.append(self._track(at, _Does(stack=[], stack_sure=sure, status_sure=status_sure), ended=True))
                continue
            track_id = row.track_id
            does = _Does(
                stacks.get(track_id, []),
                sure,
                status_sure,
                tracks.joining.get(track_id),
                tracks.asleep.get(track_id),
                on_its_way.get(track_id),
            )
            found.append(self._track(at, does, ended=False))
        return found

    def _track(self, at: int, does: _Does, *, ended: bool) -> FrameTrack:
        """The track of that row; the same one again while it does the same."""
        kept = self._tracks_made.get((at, ended))
        if kept is not None and kept[0] == does:
            return kept[1]
        row, join, sleep = self._context.tracks[at], does.joins, does.sleeps
        track = FrameTrack(
            track_id=row.track_id,
            process_id=row.process_id,
            kind=row.kind,
            name=row.name,
            status="ended" if ended else "waiting" if join or sleep else "running",
            waiting_on=(join.waiting_on or None) if join else None,
            wait_kind="join" if join else sleep.kind if sleep else "",
            waiting_since_ns=join.since_ns if join else sleep.since_ns if sleep else None,
            status_confidence="exact" if join else CONFIDENCES[does.status_sure],
            stack=does.stack,
            confidence=CONFIDENCES[does.stack_sure],
            os_id=row.os_id,
            parent_track_id=row.parent_track_id,
            start_ns=row.start_ns,
            end_ns=row.end_ns if ended else None,
            exception=_exception(does.exception),
        )
        if len(self._tracks_made) >= MAX_CACHED:
            self._tracks_made.clear()
        self._tracks_made[at, ended] = (does, track)
        return track

    def _states_at(self, time_ns: int, state: Correlator) -> list[FrameState]:
        return [self._state(version) for version in state.state.at(max(time_ns, state.state.last_ns))]

    def _state(self, version: Version) -> FrameState:
        kept = self._states.get(version.version_id)
        known = kept[1] if kept is not None and kept[0] == version else None
        if known is None:
            key = self._context.state_keys.get(version.key_id)
            known = FrameState(
                object_id=version.object_id,
                owner=key.owner if key else "?",
                key=key.key if key else "?",
                value=version.value or "",
                version_id=version.version_id,
                since_ns=version.since_ns,
                writer_track_id=version.writer_track_id,
                writer_call_id=version.writer_call_id or None,
                confidence="sampled" if version.flags & UNSURE else "exact",
                changes=version.changes,
            )
            if len(self._states) >= MAX_CACHED:
                self._states.clear()
            self._states[version.version_id] = (version, known)
        return known


def _exception(raised: Raised | None) -> FrameException | None:
    if raised is None:
        return None
    return FrameException(exception_id=raised.exception_id, type=raised.type, message=raised.message)


def _lacks_threads(gaps: list[FrameGap]) -> bool:
    """Whether there are, or were, threads that are no tracks."""
    return any(gap.reason == NO_TRACK_SLOT for gap in gaps)


def _has_begun(row: ProcessRow, time_ns: int) -> bool:
    return row.start_ns is None or row.start_ns <= time_ns


def _has_ended(row: ProcessRow, time_ns: int) -> bool:
    return row.end_ns is not None and row.end_ns <= time_ns


def _process(
    row: ProcessRow,
    threads: tuple[Status, Confidence] | None,
    sampled: dict[str, float],
    state: Correlator,
    time_ns: int,
    *,
    settings: FrameSettings | None,
) -> FrameProcess:
    status: Status = "running"
    confidence: Confidence = "not captured"
    looked = sampled.get(OS_STATE)
    if _has_ended(row, time_ns):
        status, confidence, sampled = "ended", "exact", {}
    elif threads is not None:
        status, confidence = threads
    elif looked in _OF_LOOKS:
        status, confidence = _OF_LOOKS[looked], "sampled"
    return FrameProcess(
        process_id=row.process_id,
        pid=row.pid,
        name=row.name,
        status=status,
        cpu_percent=sampled.get("cpu_percent"),
        rss_bytes=int(sampled["rss_bytes"]) if "rss_bytes" in sampled else None,
        heat=state.process.state.activity.heat(row.process_id, time_ns),
        command=row.command,
        parent_id=row.parent_id,
        python=row.python,
        tier=row.tier,
        status_confidence=confidence,
        settings=settings,
    )


__all__ = ["Frame", "FrameGap", "FrameReader", "frame_at"]
