"""A keyframe with the right checksum that says anything: restored, fed, written again, and shown as a frame."""

from __future__ import annotations

import zlib
from random import Random

from capture.caches import framed, unframed
from dags.analyses.detail import segment_detail
from dags.correlator import Correlator
from dags.frame import FrameReader
from tests.fuzz.mutation import msgpack_node
from tests.fuzz.small_session import opened, sound_files

_SEGMENT = 1


def seeds() -> dict[str, bytes]:
    return {"small": unframed(sound_files()[_name()])}


def mutated(data: bytes, dice: Random) -> bytes:
    return msgpack_node(data, dice)


def read(data: bytes) -> None:
    with opened({**sound_files(), _name(): framed(data)}) as session:
        state = Correlator.from_keyframe(data)
        state.feed(session.events(_SEGMENT), session.tracks(), session.state_keys())
        state.open_calls()
        state.copy().keyframe()
        if zlib.crc32(data) % 2:
            FrameReader(session).at(session.end_ns)
            segment_detail(session, 0)


def _name() -> str:
    return sorted(name for name in sound_files() if name.endswith(".key"))[_SEGMENT]
