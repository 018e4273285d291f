"""Pictures as SVG: shapes stay shapes and text stays text, where the PNG has them.

What has too many colours to be shapes, and what a graphics card has drawn, lies in it as pixels. It names no file: what
is in it is what is seen, and a title.

Nothing is cut at an edge in it: what Qt 6.11 writes for that it does not take back when a painter is restored, and then
browsers cut what comes after. Views paint nothing far outside of themselves where shapes are kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPoint, QRect
from PySide6.QtGui import QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from capture.disk import replace_file
from capture.errors import TargetProblem
from scope_gui.pictures.plan import FOR_ALL
from views.drawing.legend import Sign
from views.drawing.picture import Caption, paint_around, size_with_title, title_height
from views.loop.state import Theme
from views.words.figures import count_text, size_text
from views.words.plain_text import plain

MOST_BYTES = 64 << 20
LEAST_PX = 64
"""Narrower ones are signs of buttons."""
DPI = 96
"""Of the pictures without a display: a font is as large as in the PNG."""

_EMPTY_GROUP = re.compile(r"<g fill=[^<>]*>\s*</g>\s*")
_IMAGE = re.compile(r'<image [^<>]*?\bwidth="(\d+)')
_FAMILY = re.compile(r'font-family="([^",]+)"')
_SIZE = re.compile(r'<svg width="[^"]*" height="[^"]*"')


class Vectors(NamedTuple):
    """An SVG, and how many parts of it are pixels."""

    text: str
    pixel_parts: int

    @property
    def said(self) -> str:
        """That some of it is pixels, in a sentence; '' when nothing is."""
        if not self.pixel_parts:
            return ""
        parts = "part of the picture is" if self.pixel_parts == 1 else "parts of the picture are"
        return f"{count_text(self.pixel_parts)} {parts} pixels in it: there are too many colours for shapes."

    def save(self, path: Path) -> None:
        """Writes it, whole or not at all. Raises: TargetProblem."""
        replace_file(path, self.text.encode(), mode=FOR_ALL, what=f"the picture {path}")


def svg_of(widget: QWidget, caption: Caption | None, signs: Sequence[Sign], theme: Theme) -> Vectors:
    """The widget under its title and over the legend of these signs; without a caption it alone.

    Raises: TargetProblem for one that would be larger than MOST_BYTES.
    """
    size = widget.size() if caption is None else size_with_title(widget.size(), signs)
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    made = QSvgGenerator(QSvgGenerator.SvgVersion.SvgTiny12)
    made.setOutputDevice(buffer)
    made.setSize(size)
    made.setViewBox(QRect(QPoint(0, 0), size))
    made.setResolution(DPI)
    made.setTitle("Scope" if caption is None else f"{plain(caption.session, 300)} · {caption.view}")
    made.setDescription("")
    painter = QPainter(made)
    painter.fillRect(QRect(QPoint(0, 0), size), widget.palette().window())
    widget.render(painter, QPoint(0, 0 if caption is None else title_height(widget.width())))
    if caption is not None:
        paint_around(painter, widget.size(), caption, signs, theme)
    painter.end()
    buffer.close()
    text = mended(bytes(data.data()).decode(), (size.width(), size.height()))
    if len(text) > MOST_BYTES:
        raise TargetProblem(
            f"As an SVG it would have {size_text(len(text))}, and {size_text(MOST_BYTES)} are the most.",
            "Take a PNG, or a smaller --size.",
        )
    return Vectors(text, sum(int(width) >= LEAST_PX for width in _IMAGE.findall(text)))


def mended(svg: str, size: tuple[int, int]) -> str:
    """What Qt writes, without the groups that hold nothing, in pixels, and with a second choice for each font.

    >>> mended('<svg width="9mm" height="9mm"><g fill="none"> </g><g font-family="Mono"><a/></g></svg>', (9, 8))
    '<svg width="9" height="8"><g font-family="\\'Mono\\', monospace"><a/></g></svg>'
    """
    svg = _FAMILY.sub(lambda found: f'font-family="{families(found[1])}"', _EMPTY_GROUP.sub("", svg))
    return _SIZE.sub(f'<svg width="{size[0]}" height="{size[1]}"', svg, count=1)


def families(family: str) -> str:
    """A font's family, and what takes its place where there is none of that name.

    >>> families("Sans Serif"), families("monospace")
    ("'Sans Serif', sans-serif", "'monospace', monospace")
    """
    return f"'{family}', {'monospace' if 'mono' in family.casefold() else 'sans-serif'}"
