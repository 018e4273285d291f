"""Keyframes: every DAG's full state at the first instant of a segment, as bytes.

A keyframe is a cache. It is decoded as carefully as anything else in a file; `dags.correlate.replay` makes a lost or
damaged one again.
"""

from __future__ import annotations

from collections.abc import Container

import msgspec

from capture.errors import FormatError
from dags.base import KeptId, KeptNs, decoded

KEYFRAME_VERSION = 1


class Keyframe(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One keyframe; `event_id` is the last event before it.

    `dags`: a part by follower. `versions`: of parts that are not of version 1. `unknown`: followers that know nothing
    of what was before a keyframe that this one comes from.
    """

    version: int
    event_id: KeptId
    time_ns: KeptNs
    dags: dict[str, bytes]
    versions: dict[str, int] = {}
    unknown: list[str] = []

    def part(self, name: str, versions: Container[int]) -> bytes | None:
        """That follower's part, if there is one of one of these versions."""
        return self.dags.get(name) if self.versions.get(name, 1) in versions else None


def decode_keyframe(data: bytes) -> Keyframe:
    """The keyframe.

    Raises: FormatError when the bytes are none of this version.
    """
    keyframe = decoded(data, Keyframe)
    if keyframe.version != KEYFRAME_VERSION:
        raise FormatError(f"a keyframe of version {keyframe.version}; this program reads {KEYFRAME_VERSION}")
    return keyframe
