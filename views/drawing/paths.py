"""Polygons and paths of Qt from arrays, many points at once: a call per point would take as long as painting them.

Qt reads both from a stream of bytes; that is the only way in from Python that does not make an object for each point.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QByteArray, QDataStream, Qt
from PySide6.QtGui import QPainterPath, QPolygonF

Float64 = npt.NDArray[np.float64]

_MOVE, _LINE = 0, 1
_POINT = np.dtype([("x", ">f8"), ("y", ">f8")])
_ELEMENT = np.dtype([("kind", ">i4"), ("x", ">f8"), ("y", ">f8")])


def polygon_of(x: Float64, y: Float64) -> QPolygonF:
    """The points in order. Shape: both (n,).

    Source: the stream format of QPolygonF: a count, then two big-endian doubles per point.
    """
    points = np.empty(len(x), _POINT)
    points["x"], points["y"] = x, y
    polygon = QPolygonF()
    _stream(len(x), points.tobytes()) >> polygon
    return polygon


def path_of(polygons: Float64) -> QPainterPath:
    """Closed polygons of equally many corners as one path. Shape: (n, corners, 2).

    Source: the stream format of QPainterPath: a count, then kind and place of each element, then where the last
    polygon began and the fill rule.
    """
    if not len(polygons):
        return QPainterPath()
    closed = np.concatenate([polygons, polygons[:, :1]], axis=1)
    elements = np.empty(closed.shape[:2], _ELEMENT)
    elements["kind"] = _LINE
    elements["kind"][:, 0] = _MOVE
    elements["x"], elements["y"] = closed[..., 0], closed[..., 1]
    tail = np.array([elements.size - closed.shape[1], Qt.FillRule.WindingFill.value], ">i4")
    path = QPainterPath()
    _stream(elements.size, elements.tobytes() + tail.tobytes()) >> path
    return path


def _stream(count: int, data: bytes) -> QDataStream:
    return QDataStream(QByteArray(count.to_bytes(4, "big") + data))
