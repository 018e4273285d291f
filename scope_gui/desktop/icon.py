"""Scope's icon: drawn from one SVG at whatever size is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scope_gui.places import resource_path

if TYPE_CHECKING:
    from PySide6.QtGui import QIcon, QImage

ICON_PX = (16, 22, 24, 32, 48, 64, 128, 256)
"""The sizes that desktops ask an icon theme for."""


def icon() -> QIcon:
    """The icon of windows, sharp at each of the sizes."""
    from PySide6.QtGui import QIcon, QPixmap  # noqa: PLC0415 - the command line works where Qt does not

    found = QIcon()
    for size_px in ICON_PX:
        found.addPixmap(QPixmap.fromImage(_image(size_px)))
    return found


def icon_png(size_px: int) -> bytes | None:
    """The icon as a PNG file; None where Qt is missing, desktops then draw the SVG."""
    try:
        from PySide6.QtCore import QBuffer, QByteArray, QIODevice  # noqa: PLC0415
        from PySide6.QtGui import QImageWriter  # noqa: PLC0415

        image = _image(size_px)
    except ImportError:
        return None
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, QByteArray(b"PNG")).write(image)
    buffer.close()
    return bytes(data.data())


def _image(size_px: int) -> QImage:
    """Needs no application and no display."""
    from PySide6.QtGui import QImage, QPainter  # noqa: PLC0415
    from PySide6.QtSvg import QSvgRenderer  # noqa: PLC0415

    image = QImage(size_px, size_px, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    painter = QPainter(image)
    QSvgRenderer(str(resource_path("icons/scope-gui.svg"))).render(painter)
    painter.end()
    return image
