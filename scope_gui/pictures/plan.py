"""What is to be exported: which view, how large, which moments, into which files. No Qt: the command line checks all
of it before anything is loaded.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import msgspec

from capture.errors import TargetProblem
from views import registry
from views.words.figures import count_text

WINDOW = "window"
DEFAULT_SIZE = (1600, 900)
LEAST_WINDOW = (820, 500)
"""Smaller, and the panels of the window would overlap; single views do with less."""
MOST = (7680, 4320)
FOR_ALL = 0o666  # who may read and write a picture: everybody, less what the umask takes
MAX_PICTURES = 10_000
MAX_FPS = 240
MAX_GIF_FPS = 50
MAX_GIF_PIXELS = 1 << 30
DEFAULT_FPS = 10.0

FORMATS = {"png": ".png", "svg": ".svg"}
"""Of a single picture, and how its file's name ends."""

Size = tuple[int, int]
Moments = tuple[int, ...]


def views() -> tuple[str, ...]:
    """What there are pictures of: the whole window, or a view by its name."""
    return (WINDOW, *registry.exported())


def size_from_text(text: str, view: str) -> Size:
    """The size that is meant: `1600x900`, in pixels.

    Raises: ValueError with a sentence, for what is no size or cannot be drawn.
    """
    width, _, height = text.lower().replace("×", "x").partition("x")
    if not (width.strip().isdecimal() and height.strip().isdecimal()):
        raise ValueError(f"{text!r} is not a size; write 1600x900")
    size = int(width), int(height)
    least = LEAST_WINDOW if view == WINDOW else registry.view_named(view).least_size
    if size[0] < least[0] or size[1] < least[1]:
        what = "the window" if view == WINDOW else "a view"
        raise ValueError(f"{text} is too small: {what} needs {least[0]}x{least[1]} or more")
    if size[0] > MOST[0] or size[1] > MOST[1]:
        raise ValueError(f"{text} is too large: a picture has at most {MOST[0]}x{MOST[1]}")
    return size


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How a stretch becomes pictures: so many of them, or so many a second with session time going that fast."""

    fps: float = DEFAULT_FPS
    speed: float = 1.0
    pictures: int | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to write: the view at each of these moments. `fps`: of a sequence; None for a single picture."""

    view: str
    size: Size
    output: Path
    times: Moments
    fps: float | None = None


def moments(span_ns: tuple[int, int], pace: Pace) -> Moments:
    """The instants to paint, at equal steps from the first to the last of the stretch.

    moments((0, 1_000_000_000), Pace(fps=4)) -> 0, 0.25, 0.5, 0.75 and 1 s
    Raises: TargetProblem when that would be more than MAX_PICTURES.
    """
    start_ns, end_ns = span_ns
    step_ns = max(1.0, pace.speed * 1e9 / pace.fps)
    count = pace.pictures or int((end_ns - start_ns) / step_ns + 1e-9) + 1
    if count > MAX_PICTURES:
        raise TargetProblem(
            f"That would be {count_text(count)} pictures, and {count_text(MAX_PICTURES)} are the most.",
            "Take a shorter stretch, fewer a second, a higher --speed, or --frames.",
        )
    if pace.pictures is None:
        return tuple(start_ns + int(at * step_ns) for at in range(count))
    return tuple(start_ns + (end_ns - start_ns) * at // max(1, count - 1) for at in range(count))


def durations_ms(count: int, fps: float) -> list[int]:
    """How long a GIF shows each picture. A GIF counts hundredths of a second: what is lost to rounding is made up.

    >>> durations_ms(3, 30)
    [30, 40, 30]
    """
    ends = [round(at * 100 / fps) * 10 for at in range(count + 1)]
    return [after - before for before, after in pairwise(ends)]


def names(count: int) -> list[str]:
    """File names of a sequence, which sort as they follow one another: 00001.png, 00002.png, ..."""
    return [f"{at:05d}.png" for at in range(1, count + 1)]


def is_film(output: Path) -> bool:
    """Whether the sequence goes into one file."""
    return output.suffix.lower() == ".gif"


def is_vectors(output: Path) -> bool:
    """Whether a picture is an SVG."""
    return output.suffix.lower() == ".svg"


def check_order(order: Order, *, force: bool) -> None:
    """Says what stands in the way before anything is painted; `force` lets a sequence replace an earlier one.

    Raises: TargetProblem.
    """
    try:
        if order.fps is None:
            _check_picture(order.output)
        else:
            _check_sequence(order.output, order.size, len(order.times), order.fps)
            if not force:
                _check_nothing_is_there(order.output)
    except PermissionError as error:
        raise TargetProblem(f"{order.output} cannot be looked at: {error.strerror}.") from error


def _check_picture(output: Path) -> None:
    if output.suffix.lower() not in FORMATS.values():
        raise TargetProblem(f"A picture is a PNG or an SVG, and {output.name} ends in neither .png nor .svg.")
    _check_folder(output)
    if output.is_dir():
        raise TargetProblem(f"{output} is a folder.")


def _check_sequence(output: Path, size: Size, count: int, fps: float) -> None:
    if is_film(output):
        if fps > MAX_GIF_FPS:
            raise TargetProblem(f"A GIF shows at most {MAX_GIF_FPS} pictures a second.")
        if size[0] * size[1] * count > MAX_GIF_PIXELS:
            most = MAX_GIF_PIXELS // (size[0] * size[1])
            raise TargetProblem(
                f"A GIF of {size[0]}x{size[1]} has at most {most} pictures here, and this would be {count}.",
                "Take a smaller --size, or a folder, whose PNGs any film tool reads.",
            )
        _check_folder(output)
    elif output.suffix and not output.is_dir():
        raise TargetProblem(f"A sequence needs a folder or a .gif, and {output.name} is neither.")
    elif output.exists() and not output.is_dir():
        raise TargetProblem(f"{output} is a file, and a sequence needs a folder or a .gif.")


def _check_nothing_is_there(output: Path) -> None:
    if is_film(output) and output.exists():
        raise TargetProblem(f"{output} is there already.", "--force replaces it.")
    if not is_film(output) and sequence_files(output):
        raise TargetProblem(f"There are pictures of a sequence in {output} already.", "--force replaces them.")


def sequence_files(folder: Path) -> list[Path]:
    """The pictures of an earlier sequence in a folder."""
    return sorted(path for path in folder.glob("[0-9][0-9][0-9][0-9][0-9].png") if path.is_file())


def _check_folder(output: Path) -> None:
    if not output.parent.is_dir():
        raise TargetProblem(f"There is no folder {output.parent} to write {output.name} to.")
