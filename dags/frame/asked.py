"""What a frame is asked for: whoever reads a few threads of ten thousand pays for a few."""

from __future__ import annotations

from collections.abc import Collection, Set
from functools import lru_cache
from typing import NamedTuple

from dags import registry

PARTS = frozenset({"processes", "tracks", "stacks", "states", "metrics"})
"""`stacks`: of the tracks that are there. Moment, gaps and confidence are in every frame."""


class AskedParts(NamedTuple):
    """Names of PARTS and of followers; ids of tracks, None: all; the names of what the frame lacks."""

    parts: Set[str]
    tracks: Collection[int] | None
    left_out: list[str]

    @classmethod
    def of(cls, parts: Set[str] | None, tracks: Collection[int] | None) -> AskedParts:
        """None: all there is. Raises: ValueError for a part that nobody gives."""
        known = known_parts(registry.FOLLOWERS)
        asked = known if parts is None else parts
        if wrong := asked - known:
            raise ValueError(f"no frame has the parts {', '.join(sorted(wrong))}")
        return cls(asked, tracks, sorted((known - asked) | (set() if tracks is None else {"tracks"})))


@lru_cache(maxsize=1)
def known_parts(followers: tuple[registry.Follower, ...]) -> frozenset[str]:
    """All parts that there are. Kept, because a step to the next event asks for them again."""
    return PARTS | {row.name for row in followers if row.gives_part()}
