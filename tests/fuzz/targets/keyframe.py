"""A keyframe with the right checksum that says anything: restored, fed, written again, and shown as a frame."""

from __future__ import annotations

import zlib
from random import Random

from capture.session.caches import framed, unframed
from capture.session.session import Session
from dags.analyses.cache_check import lying_caches
from dags.analyses.detail import segment_detail
from dags.correlate.correlator import Correlator
from dags.frame.reader import FrameReader
from tests.fuzz.mutation import msgpack_node
from tests.fuzz.small_session import opened, sound_files
from tests.fuzz.verdict import each

_SEGMENT = 1


def seeds() -> dict[str, bytes]:
    return {"small": unframed(sound_files()[_name()])}


def mutated(data: bytes, dice: Random) -> bytes:
    return msgpack_node(data, dice)


def read(data: bytes) -> None:
    with opened({**sound_files(), _name(): framed(data)}) as session:
        if zlib.crc32(data) % 4:
            _followed(data, session)
        else:
            middle_ns = (session.start_ns + session.end_ns) // 2
            each(
                lambda: FrameReader(session).at(session.end_ns),
                lambda: FrameReader(session).at(middle_ns),
                lambda: segment_detail(session, 0),
                lambda: segment_detail(session, 1),
                lambda: list(lying_caches(session)),
            )


def _followed(data: bytes, session: Session) -> None:
    state = Correlator.from_keyframe(data)
    state.feed(session.events(_SEGMENT), session.tracks(), session.state_keys())
    state.open_rows()
    state.copy().keyframe()


def _name() -> str:
    return sorted(name for name in sound_files() if name.endswith(".key"))[_SEGMENT]
