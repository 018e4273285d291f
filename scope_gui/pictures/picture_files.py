"""Pictures as files: whole or not at all. A PNG each, numbered ones in a folder, or all of them in one GIF."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QBuffer, QByteArray, QIODevice
from PySide6.QtGui import QImage, QImageWriter

from capture.disk import replace_file, write_problem
from scope_gui.pictures.plan import FOR_ALL, is_film, names, sequence_files

"""Pictures are for others to see, unlike what is in a session; the umask has the last word."""


class Album(Protocol):
    """Where the pictures of a sequence go, the first one first. One thread at a time."""

    def add(self, image: QImage) -> None: ...
    def finish(self) -> None: ...
    def give_up(self) -> None: ...


def save_png(image: QImage, path: Path) -> None:
    """Writes a picture; whoever looks sees the file as it was, or the whole new one.

    Raises: TargetProblem.
    """
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, QByteArray(b"png")).write(image)
    replace_file(path, bytes(data.data()), mode=FOR_ALL, what=f"the picture {path}")


def album(output: Path, count: int, fps: float) -> Album:
    """The folder, or the film, for so many pictures.

    Raises: TargetProblem when the folder cannot be made.
    """
    if not is_film(output):
        return Folder(output, count)
    from scope_gui.pictures.film import Film  # noqa: PLC0415 - Pillow is not needed for anything else

    return Film(output, count, fps)


class Folder:
    """A folder of PNGs; each one is there as soon as it is added."""

    def __init__(self, folder: Path, count: int) -> None:
        """Makes it, and takes out what an earlier sequence left, so that the two do not mix."""
        self._folder, self._names = folder, iter(names(count))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for old in sequence_files(folder):
                old.unlink()
        except OSError as error:
            raise write_problem(error, f"the folder {folder}") from error

    def add(self, image: QImage) -> None:
        """Writes one more."""
        save_png(image, self._folder / next(self._names))

    def finish(self) -> None:
        """Nothing: all of it is there."""

    def give_up(self) -> None:
        """Nothing: what is there is whole."""
