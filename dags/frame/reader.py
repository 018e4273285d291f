"""The program at any instant, from any session: live, reopened, damaged or complete.

The law: a frame from a keyframe and the events after it equals one from a replay of everything before it. So all
that a frame shows comes from the state of the DAGs, and from rows that carry their own times; never from anything
that lies after the instant.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from capture.errors import SessionProblem
from capture.events.batch import EventBatch
from capture.events.definitions import ProcessRow, TrackRow
from capture.events.kinds import NO_TRACK_SLOT, StateFlag
from capture.events.metrics import OS_STATE, OS_STATES, together
from capture.events.track_kinds import OS_THREADS
from capture.flags import mode_named
from capture.session.session import Session
from dags.code.frame_part import StackFrames, TrackStack
from dags.correlate.correlator import Correlator
from dags.correlate.replay import SegmentReplay, state_before
from dags.frame.context import FrameContext
from dags.frame_parts import (
    Confidence,
    Frame,
    FrameConfidence,
    FrameGap,
    FrameMemory,
    FrameProcess,
    FrameState,
    FrameTrack,
    Status,
)
from dags.process.dag import Asleep
from dags.state.dag import Version

MAX_CACHED_STATES = 100_000

_OF_LOOKS: dict[float | None, Status] = {float(n): word for n, word in enumerate(OS_STATES)}
_ORDER: tuple[Confidence, ...] = ("exact", "interpolated", "sampled", "not captured")


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

    def at(self, time_ns: int) -> Frame:
        """The frame at that instant.

        Raises: SessionProblem when it lies outside the recording.
        """
        session = self._session
        if not session.start_ns <= time_ns <= session.end_ns:
            raise SessionProblem(
                f"{time_ns} ns lies outside the recording,"
                f" which goes from {session.start_ns} ns to {session.end_ns} ns."
            )
        if self._context.is_outdated():
            self._context = FrameContext(session)
            self._stacks = StackFrames(self._context.sites)
            self._states.clear()
        index = session.segment_at(time_ns)
        if index is None:
            state, event_id = Correlator(), 0
        else:
            replay = self._segment(index)
            state = replay.state_at(replay.rows_until(time_ns))
            event_id = state.temporal.moment.event_id
        return self._frame(time_ns, event_id, state, index)

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

    def _frame(self, time_ns: int, event_id: int, state: Correlator, index: int | None) -> Frame:
        context = self._context
        gaps = context.gaps_at(time_ns)
        damaged = context.is_damaged(index) or any(gap.track_id is None for gap in gaps)
        asleep = context.asleep_at(time_ns, index, state.process.state.asleep)
        tracks = self._tracks(time_ns, state, asleep, everything_unknown=damaged)
        states = [self._state(version) for version in state.state.at(max(time_ns, state.state.last_ns))]
        sampled = context.metrics_at(time_ns, index)
        processes = [
            self._process(row, tracks, sampled.get(row.process_id, {}), state, time_ns)
            for row in context.processes
            if row.start_ns is None or row.start_ns <= time_ns
        ]
        settings = context.settings_at(time_ns)
        mode = mode_named(settings.mode) if settings.since_ns is not None else None
        records_states = context.captures_states and (mode is None or "states" in mode.sees)
        live = [t for t in tracks if t.kind in OS_THREADS and t.status != "ended" and t.process_id in context.recorded]
        return Frame(
            time_ns=time_ns,
            event_id=event_id,
            complete=not gaps and not damaged and not context.lacks_names,
            processes=processes,
            tracks=tracks,
            states=states,
            messages=[],
            locks=[],
            memory=FrameMemory(),
            metrics=together(sampled),
            gaps=gaps,
            confidence=FrameConfidence(
                stacks=self._stacks_confidence(live, processes, is_known=not damaged and not _lacks_threads(gaps)),
                states=_least([s.confidence for s in states]) if records_states else "not captured",
                metrics="sampled" if sampled else "not captured",
                status=_least([track.status_confidence for track in live]) if live else "not captured",
            ),
            settings=settings,
            parts=state.parts(time_ns),
            unknown=sorted(state.unknown),
        )

    def _stacks_confidence(
        self, live: list[FrameTrack], processes: list[FrameProcess], *, is_known: bool
    ) -> Confidence:
        """The least sure of the live threads; a recorded program that runs without any has not been looked at yet."""
        recorded = self._context.recorded
        runs = any(row.process_id in recorded and row.status != "ended" for row in processes)
        if not is_known or not recorded or (runs and not live):
            return "not captured"
        return _least([track.confidence for track in live])

    def _process(
        self,
        row: ProcessRow,
        tracks: list[FrameTrack],
        sampled: dict[str, float],
        state: Correlator,
        time_ns: int,
    ) -> FrameProcess:
        threads = [t for t in tracks if t.process_id == row.process_id and t.kind in OS_THREADS and t.status != "ended"]
        status: Status = "running"
        confidence: Confidence = "not captured"
        looked = sampled.get(OS_STATE)
        if row.end_ns is not None and row.end_ns <= time_ns:
            status, confidence, sampled = "ended", "exact", {}
        elif threads:
            status = "waiting" if all(t.status == "waiting" for t in threads) else "running"
            confidence = _least([t.status_confidence for t in threads])
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
        )

    def _tracks(
        self, time_ns: int, state: Correlator, asleep: dict[int, Asleep], *, everything_unknown: bool
    ) -> list[FrameTrack]:
        stacks = self._stacks.of(state.code, time_ns, call_ids_are_unique=not self._session.damaged_segments())
        waiting = state.process.state.waiting
        found = []
        for row in self._context.tracks_at(time_ns):
            ended = row.end_ns is not None and row.end_ns <= time_ns
            join = None if ended else waiting.get(row.track_id)
            sleep = None if ended else asleep.get(row.track_id)
            stack = stacks.get(row.track_id)
            frames = [] if ended or stack is None else stack.frames
            status: Status = "ended" if ended else "waiting" if join or sleep else "running"
            confidence = self._confidence_of(row, stack, time_ns)
            found.append(
                FrameTrack(
                    track_id=row.track_id,
                    process_id=row.process_id,
                    kind=row.kind,
                    name=row.name,
                    status=status,
                    waiting_on=(join.waiting_on or None) if join else None,
                    wait_kind="join" if join else sleep.kind if sleep else "",
                    waiting_since_ns=join.since_ns if join else sleep.since_ns if sleep else None,
                    status_confidence=self._status_confidence(row, is_exact=ended or join is not None),
                    stack=frames,
                    confidence="not captured" if everything_unknown else confidence,
                    os_id=row.os_id,
                    parent_track_id=row.parent_track_id,
                    start_ns=row.start_ns,
                    end_ns=row.end_ns if ended else None,
                )
            )
        return found

    def _status_confidence(self, row: TrackRow, *, is_exact: bool) -> Confidence:
        if is_exact:
            return "exact"
        return "sampled" if self._context.captures_waits and row.kind in OS_THREADS and row.os_id else "not captured"

    def _confidence_of(self, row: TrackRow, stack: TrackStack | None, time_ns: int) -> Confidence:
        """Exact, if calls are recorded there, the stack was told, and nothing is missing since."""
        context = self._context
        if row.process_id not in context.recorded or not context.captures_calls:
            return "not captured"
        if row.kind in OS_THREADS and (stack is None or stack.unknown_since_ns is not None):
            return "not captured"
        broke_off_ns = context.last_gap_ns(row.track_id, time_ns)
        if broke_off_ns is None:
            return "exact"
        answered_ns = stack.snapshot_ns if stack is not None else None
        return "exact" if answered_ns is not None and answered_ns >= broke_off_ns else "not captured"

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
                confidence="sampled" if version.flags & StateFlag.SAMPLED else "exact",
                changes=version.changes,
            )
            if len(self._states) >= MAX_CACHED_STATES:
                self._states.clear()
            self._states[version.version_id] = (version, known)
        return known


def _lacks_threads(gaps: list[FrameGap]) -> bool:
    """Whether there are, or were, threads that are no tracks."""
    return any(gap.reason == NO_TRACK_SLOT for gap in gaps)


def _least(parts: list[Confidence]) -> Confidence:
    return max(parts, key=_ORDER.index, default="exact")


__all__ = ["Frame", "FrameGap", "FrameReader", "frame_at"]
