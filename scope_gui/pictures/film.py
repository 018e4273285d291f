"""Pictures one after the other in one file: an animated GIF. Pillow writes it; Qt only reads them."""

from __future__ import annotations

import io
import math
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from PIL import Image
from PySide6.QtGui import QImage

from capture.disk import replace_file
from scope_gui.pictures.plan import FOR_ALL, durations_ms

PALETTE = 256
MAX_COLOURS = 1 << 16
"""Pillow takes memory for as many whenever it counts; a window has some hundred."""


class Film:
    """A GIF that appears under its name when it is finished.

    All pictures share one palette, made from the colours of all of them: with one each, a surface that stays the same
    would flicker. So the pictures are kept, compressed, until the last one is there.
    """

    def __init__(self, path: Path, count: int, fps: float) -> None:
        """Nothing is written yet."""
        self._path, self._durations_ms = path, durations_ms(count, fps)
        self._kept: list[bytes] = []
        self._given_up = False
        self._size = (0, 0)
        self._colours: Counter[tuple[int, int, int]] = Counter()

    def add(self, image: QImage) -> None:
        """Keeps one more."""
        self._size = image.width(), image.height()
        whole = image.convertToFormat(QImage.Format.Format_RGB888)
        picture = Image.frombuffer("RGB", self._size, bytes(whole.constBits()), "raw", "RGB", whole.bytesPerLine(), 1)
        counted = picture.getcolors(MAX_COLOURS) or picture.quantize(PALETTE).convert("RGB").getcolors(PALETTE)
        for count, colour in counted or ():
            self._colours[cast(tuple[int, int, int], colour)] += count
        self._kept.append(zlib.compress(picture.tobytes(), 1))

    def finish(self) -> None:
        """Writes all of them.

        Raises: TargetProblem.
        """
        pictures = self._with_one_palette()
        data, times = io.BytesIO(), self._durations_ms[: len(self._kept)]
        whole = next(pictures)
        whole.save(data, "GIF", save_all=True, append_images=pictures, duration=times, loop=0, optimize=False)
        if not self._given_up:
            replace_file(self._path, data.getvalue(), mode=FOR_ALL, what=f"the film {self._path}")

    def give_up(self) -> None:
        """Writes nothing, even if `finish` is at it on another thread. Harmless when it has."""
        self._given_up = True

    def _with_one_palette(self) -> Iterator[Image.Image]:
        palette = self._palette()
        for kept in self._kept:
            picture = Image.frombytes("RGB", self._size, zlib.decompress(kept))
            yield picture.quantize(palette=palette, dither=Image.Dither.NONE)
            if self._given_up:
                return

    def _palette(self) -> Image.Image:
        """256 colours for all pictures. A colour counts by the root of its pixels: thin marks must keep theirs."""
        samples = b"".join(bytes(colour) * math.isqrt(count) for colour, count in self._colours.items())
        strip = Image.frombytes("RGB", (len(samples) // 3, 1), samples)
        return strip.quantize(PALETTE, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
