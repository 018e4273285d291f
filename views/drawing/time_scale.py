"""Instants as pixels and back, the same in every view that shows a stretch of time. Pure, no Qt."""

from __future__ import annotations

import numpy as np

from dags.analyses.lod import Array


def px_from_ns(time_ns: int, visible_ns: tuple[int, int], width: int) -> float:
    """Where an instant is, from the left of the lanes. px_from_ns(25, (0, 100), 1000) = 250.0"""
    return (time_ns - visible_ns[0]) * width / max(1, visible_ns[1] - visible_ns[0])


def ns_from_px(x: float, visible_ns: tuple[int, int], width: int) -> int:
    """Which instant is there. ns_from_px(250, (0, 100), 1000) = 25"""
    return visible_ns[0] + round(x * (visible_ns[1] - visible_ns[0]) / max(1, width))


def columns_of(times_ns: Array, visible_ns: tuple[int, int], width: int) -> Array:
    """The pixel column of each instant, clipped to -1..width, as int32.

    >>> columns_of(np.array([-5, 0, 99, 250]), (0, 200), 100).tolist()
    [-1, 0, 49, 100]
    """
    scale = width / max(1, visible_ns[1] - visible_ns[0])
    clipped = np.clip(times_ns, visible_ns[0] - 1, visible_ns[1] + 1)
    columns = np.floor((clipped - visible_ns[0]) * scale)
    found: Array = np.clip(columns, -1, width).astype(np.int32)
    found[times_ns < visible_ns[0]] = -1
    found[times_ns > visible_ns[1]] = width
    return found
