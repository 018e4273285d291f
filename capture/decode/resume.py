"""Where a decoder stands, small enough to be stored with every commit, so that a crash costs nothing.

Only what has gone out counts: whatever waited is read from the journal again, from `Decoder.oldest_block` on, and
sequence numbers tell what had gone out already. The tables of names are stored by the session itself; a resume
point says how many rows of each it knows, because a crash may fall between the two.
"""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np

from capture.decode.catalog import MAX_LOCAL_ID, JournalProcess
from capture.decode.decoder import Decoder
from capture.decode.records import TrackQueue, state_of
from capture.decode.timebase import ClockPairs, Timebase
from capture.decode.value_texts import MOST_TYPES, NameTable, ValueNames
from capture.decode.waits import Waits
from capture.errors import FormatError
from capture.events.definitions import ProcessRow, SiteRow, StateKeyRow, TrackRow
from capture.events.track_kinds import OS_THREADS
from capture.session.format import Count, Time
from capture.typed import converted, from_msgpack

RESUME_VERSION = 1


class OtherVersion(FormatError):
    """A resume point of another Scope, which could go on from it."""


class TrackResume(msgspec.Struct, frozen=True):
    """The books of one thread's events."""

    serial: Count
    track_id: Count
    next_index: Count
    dropped: Count
    taken: Count
    lost: Count
    last_ns: Time
    again_index: Count | None = None


class TargetResume(msgspec.Struct, frozen=True, kw_only=True):
    """One target's numbers; `sites` is int32 bytes, the session's site by the target's own number."""

    serial: Count
    process_id: Count
    track_id: Count
    clock: ClockPairs
    is_qualified: bool
    has_ended: bool
    metric_mono_ns: Time
    dropped_unattributed: Count
    ended_dropped: Count
    ended_accounted: Count
    sites: bytes
    exceptions: dict[int, str]
    keys: dict[int, Count]
    observed: dict[int, Count]
    tracks: list[TrackResume]
    waits: Waits = msgspec.field(default_factory=Waits)
    counters: dict[int, Count] = msgspec.field(default_factory=dict)
    has_counters: bool = False
    parameters: dict[int, str] = {}
    types: dict[int, str] = {}
    variables: dict[int, str] = {}


class DecoderResume(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a decoder needs to go on, but for the tables of names."""

    version: int
    next_event_id: Count
    last_ns: Time
    complete_ns: Time
    late: Count
    has_ended: bool
    start_mono_ns: Time | None
    start_real_ns: Time
    kinds: dict[int, Count]
    rows: tuple[Count, Count, Count, Count]
    targets: list[TargetResume]


def resume_point(decoder: Decoder) -> bytes:
    """The decoder's place as of its last `take`; gap and metric rows must have been taken as well."""
    catalog = decoder.catalog
    targets = [
        TargetResume(
            serial=t.serial,
            process_id=t.row.process_id,
            track_id=t.track.track_id,
            clock=t.timebase.pairs,
            is_qualified=t.is_qualified,
            has_ended=t.has_ended,
            metric_mono_ns=t.metric_mono_ns,
            dropped_unattributed=t.dropped_unattributed,
            ended_dropped=t.ended_dropped,
            ended_accounted=t.ended_accounted,
            sites=t.sites.astype("<i4").tobytes(),
            parameters=t.names.parameters.names,
            types=t.names.types.names,
            variables=t.names.variables.names,
            exceptions=t.exceptions,
            keys=t.keys,
            observed=t.observed,
            waits=t.waits,
            counters=t.counters,
            has_counters=t.has_counters,
            tracks=[converted(state_of(queue), TrackResume) for queue in t.tracks.values()],
        )
        for t in catalog.targets.values()
    ]
    return msgspec.msgpack.encode(
        DecoderResume(
            version=RESUME_VERSION,
            next_event_id=decoder.next_event_id,
            last_ns=decoder.last_ns,
            complete_ns=decoder.complete_ns,
            late=decoder.late,
            has_ended=decoder.has_ended,
            start_mono_ns=decoder.start_mono_ns,
            start_real_ns=decoder.start_real_ns,
            kinds={kind: int(count) for kind, count in enumerate(decoder.kinds) if count},
            rows=(len(catalog.processes), len(catalog.tracks), len(catalog.sites), len(catalog.state_keys)),
            targets=targets,
        )
    )


def resumed(
    data: bytes,
    processes: list[ProcessRow],
    tracks: list[TrackRow],
    sites: list[SiteRow],
    state_keys: list[StateKeyRow],
    *,
    derive_names: bool = False,
) -> Decoder:
    """The decoder as it stood; feed it the journal from any block at or before its `oldest_block` of then.

    Raises: FormatError when the bytes are no resume point or do not fit the tables, OtherVersion.
    """
    try:
        point = from_msgpack(data, DecoderResume)
    except msgspec.DecodeError as error:
        raise FormatError(f"the point where recording was interrupted cannot be read: {error}") from error
    if point.version != RESUME_VERSION:
        raise OtherVersion(
            f"Another version of Scope was at work on the interrupted recording (resume point {point.version}, "
            f"known here is {RESUME_VERSION}).",
            "Recover it with the Scope that has recorded it.",
        )
    tables: tuple[list[ProcessRow], list[TrackRow], list[SiteRow], list[StateKeyRow]] = (
        processes[: point.rows[0]],
        tracks[: point.rows[1]],
        sites[: point.rows[2]],
        state_keys[: point.rows[3]],
    )
    if tuple(len(table) for table in tables) != point.rows:
        raise FormatError("the tables of names are shorter than the point where recording was interrupted")
    decoder = Decoder(derive_names=derive_names)
    catalog = decoder.catalog
    catalog.restore(*tables)
    decoder.next_event_id, decoder.last_ns, decoder.late = point.next_event_id, point.last_ns, point.late
    decoder.complete_ns = point.complete_ns
    decoder.has_ended, decoder.start_mono_ns = point.has_ended, point.start_mono_ns
    decoder.start_real_ns = point.start_real_ns
    for kind, count in point.kinds.items():
        if 0 <= kind < len(decoder.kinds):
            decoder.kinds[kind] = count
    for t in point.targets:
        if not _fits(t, *point.rows):
            raise FormatError("the point where recording was interrupted does not fit the tables of names")
        catalog.targets[t.serial] = JournalProcess(
            row=catalog.processes[t.process_id - 1],
            track=catalog.tracks[t.track_id - 1],
            serial=t.serial,
            timebase=Timebase(t.clock),
            is_qualified=t.is_qualified,
            has_ended=t.has_ended,
            metric_mono_ns=t.metric_mono_ns,
            dropped_unattributed=t.dropped_unattributed,
            ended_dropped=t.ended_dropped,
            ended_accounted=t.ended_accounted,
            sites=np.frombuffer(t.sites, "<i4").astype(np.int32),
            names=ValueNames(NameTable(t.parameters), NameTable(t.types), NameTable(t.variables)),
            exceptions=t.exceptions,
            keys=t.keys,
            observed=t.observed,
            named=_named(catalog.tracks, t.process_id),
            waits=t.waits,
            counters=t.counters,
            has_counters=t.has_counters,
            tracks={
                q.serial: TrackQueue(
                    q.track_id, q.serial, q.next_index, q.dropped, q.taken, q.lost, q.last_ns, q.again_index
                )
                for q in t.tracks
            },
        )
    return decoder


def _fits(target: TargetResume, processes: int, tracks: int, sites: int, state_keys: int) -> bool:
    """Whether all numbers of a target lead to rows that are there, and its clock runs forward."""
    clock, site_ids = target.clock, np.frombuffer(target.sites[: len(target.sites) & ~3], "<i4")
    led_to = [target.track_id, *target.observed.values(), *(queue.track_id for queue in target.tracks)]
    waited = {wait.track_id for wait in (*target.waits.open.values(), *target.waits.closed)}
    return (
        len(target.sites) % 4 == 0
        and 0 < target.process_id <= processes
        and all(0 < track_id <= tracks for track_id in led_to)
        and all(0 <= track_id <= tracks for track_id in waited)
        and all(0 < key_id <= state_keys for key_id in target.keys.values())
        and (not len(site_ids) or 0 <= int(site_ids.min()) <= int(site_ids.max()) <= sites)
        and all(0 <= number <= MAX_LOCAL_ID for names in (target.parameters, target.variables) for number in names)
        and all(0 <= number < MOST_TYPES for number in target.types)
        and all(wait.end_ns is not None for wait in target.waits.closed)
        and len(clock.ticks) == len(clock.session_ns)
        and all(before < after for times in (clock.ticks, clock.session_ns) for before, after in pairwise(times))
    )


def _named(tracks: list[TrackRow], process_id: int) -> dict[int, int]:
    """The newest track of each thread id of a process."""
    return {
        row.os_id: row.track_id
        for row in tracks
        if row.process_id == process_id and row.kind in OS_THREADS and row.os_id
    }
