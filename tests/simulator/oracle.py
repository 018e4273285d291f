"""What must be true at the end: the promises of a session, judged by what the target published and by nothing else."""

from __future__ import annotations

import struct
from collections import defaultdict
from pathlib import Path

from capture.events.kinds import PAYLOAD_FLAG, Kind
from capture.session.session import Session
from capture.session.verify import verify

Told = tuple[int, str]  # kind, and what says which one it is

DAMAGE = "bytes of the journal are damaged"
_HEAD = struct.Struct("<II")
_RECORD = struct.Struct("<QIBBH")


def published(data: bytes) -> dict[int, list[Told]]:
    """The events that were published in the ring, by the serial of their thread, in order."""
    slots: dict[int, bytearray] = defaultdict(bytearray)
    at = 0
    while at < len(data):
        serial, count = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        slots[serial] += data[at : at + 16 * count]
        at += 16 * count
    return {serial: list(_events(bytes(each))) for serial, each in sorted(slots.items())}


def _events(slots: bytes) -> list[Told]:
    events: list[Told] = []
    at = 0
    while at < len(slots):
        _, a, kind, flags, b = _RECORD.unpack_from(slots, at)
        at += _RECORD.size
        payload = slots[at : at + b] if flags & PAYLOAD_FLAG else b""
        at += (len(payload) + 15) // 16 * 16
        if kind == Kind.SNAPSHOT:
            events.append((kind, f"{len(payload) // 8} frames"))
        elif kind == Kind.STATE:
            events.append((kind, payload[8:].decode()))
        else:
            events.append((kind, f"f{a}" if kind in (Kind.CALL, Kind.RETURN) else ""))
    return events


class Findings:
    """What does not hold, in sentences."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def expect(self, holds: bool, sentence: str) -> None:
        if not holds:
            self.sentences.append(sentence)


def stored(session: Session) -> dict[int, list[Told]]:
    """The events of a session, by the serial of their thread, in the session's order."""
    names = {site.site_id: site.function for site in session.sites()}
    found: dict[int, list[Told]] = defaultdict(list)
    for index in range(len(session.segments)):
        batch = session.events(index)
        kinds, tracks, sites = batch.kind.tolist(), batch.track_id.tolist(), batch.site_id.tolist()
        for row, (kind, track, site) in enumerate(zip(kinds, tracks, sites, strict=True)):
            if kind == Kind.STATE:
                text = batch.value_of(row) or ""
            elif kind == Kind.SNAPSHOT:
                text = f"{(batch.value_of(row) or '').count('[') - 1} frames"
            else:
                text = names.get(site, "") if kind in (Kind.CALL, Kind.RETURN) else ""
            found[track].append((kind, text))
    return dict(found)


def judge(path: Path, truth: dict[int, list[Told]], dropped: int, findings: Findings, *, may_tell_damage: bool) -> None:
    """Compares a finished session with what was published.

    `may_tell_damage`: the last block of the journal, a fact, is torn, and nobody can know that it held no events.
    """
    with Session.open(path) as session:
        info = session.info()
        findings.expect(info.state in ("complete", "recovered"), f"its state is {info.state}")
        by_track = stored(session)
        serial_of = {track.name: track.track_id for track in session.tracks() if track.kind == "thread"}

        gaps = session.whole_table("gaps")
        in_gaps = sum(gaps["dropped"].to_pylist()) if gaps is not None else 0
        report = verify(session)
    for serial, expected in truth.items():
        got = by_track.pop(serial_of.get(f"t{serial - 1}", -1), [])
        if got != expected:
            findings.expect(False, f"thread {serial}: {_difference(expected, got)}")
    findings.expect(not by_track, f"events of threads that published nothing: {sorted(by_track)}")
    recorded = sum(map(len, truth.values()))
    findings.expect(info.recorded == recorded, f"{info.recorded} events are counted as recorded, published {recorded}")
    findings.expect(
        info.dropped == dropped, f"{info.dropped} events are counted as dropped, the program counts {dropped}"
    )
    findings.expect(in_gaps == dropped, f"gaps tell of {in_gaps} dropped events, the program counts {dropped}")
    findings.expect(info.produced == info.recorded + info.dropped, "produced is not recorded and dropped")
    if may_tell_damage and all(DAMAGE in problem.what for problem in info.problems):
        return
    findings.expect(report.ok, f"verify: {[problem.what for problem in report.problems]}")
    findings.expect(info.complete, f"it is not complete: {[problem.what for problem in info.problems]}")


def _difference(expected: list[Told], got: list[Told]) -> str:
    pairs = enumerate(zip(expected, got, strict=False))
    at = next((i for i, (one, other) in pairs if one != other), min(len(expected), len(got)))
    where = f"the first difference is at {at}: {expected[at : at + 2]} became {got[at : at + 2]}"
    return f"published {len(expected)}, stored {len(got)}; {where}"
