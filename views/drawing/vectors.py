"""What a painter keeps: pixels, or the shapes and letters themselves, as an SVG does.

A view that paints from a picture of its own paints what is in it instead where shapes are kept.
"""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPaintEngine, QPainter, QPainterPath

from dags.analyses.lod import Array

MOST_RUNS = 8_000
MOST_COLOURS = 512


def keeps_shapes(painter: QPainter) -> bool:
    """Whether what it paints stays what it is."""
    return painter.paintEngine().type() == QPaintEngine.Type.SVG


def paint_pixels(painter: QPainter, area: QRectF, pixels: Array) -> None:
    """Paints rows of pixels over an area, as shapes where those are kept and are not too many.

    Shape: pixels (rows, columns) uint32, 0xAARRGGBB premultiplied.
    """
    runs = runs_of(pixels) if keeps_shapes(painter) else None
    if runs is None:
        painter.drawImage(area, _image(pixels), QRectF(0, 0, pixels.shape[1], pixels.shape[0]))
        return
    across, down = area.width() / pixels.shape[1], area.height() / pixels.shape[0]
    for colour in np.unique(runs[:, 3]).tolist():
        path = QPainterPath()
        for row, first, end, _ in runs[runs[:, 3] == colour].tolist():
            path.addRect(area.left() + first * across, area.top() + row * down, (end - first) * across, down)
        painter.fillPath(path, QColor.fromRgba(colour))


def runs_of(pixels: Array) -> Array | None:
    """Neighbours of one colour in a row as (row, first column, one after the last, colour); transparent ones left out.

    None where they are too many.

    >>> runs_of(np.array([[7 << 24, 7 << 24, 0, 9 << 24]], np.uint32)).tolist()
    [[0, 0, 2, 117440512], [0, 3, 4, 150994944]]
    """
    rows, width = pixels.shape
    changes = np.ones((rows, width), np.bool_)
    changes[:, 1:] = pixels[:, 1:] != pixels[:, :-1]
    firsts = np.flatnonzero(changes)
    ends = np.append(firsts[1:], rows * width)
    colours = pixels.ravel()[firsts].astype(np.int64)
    seen = colours >> 24 != 0
    found: Array = np.stack([firsts // width, firsts % width, ends - firsts // width * width, colours], axis=1)[seen]
    return None if len(found) > MOST_RUNS or len(np.unique(found[:, 3])) > MOST_COLOURS else found


def _image(pixels: Array) -> QImage:
    """A view on the pixels; they have to outlive it, which they do while it is painted."""
    rows, width = pixels.shape
    return QImage(pixels.data, width, rows, 4 * width, QImage.Format.Format_ARGB32_Premultiplied)
