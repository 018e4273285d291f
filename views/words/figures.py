"""Numbers as a person reads them, with their unit: durations, counts, sizes, rates."""

from __future__ import annotations

THIN = "\N{NARROW NO-BREAK SPACE}"
_DURATIONS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"))
_SIZES = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


def count_text(count: int) -> str:
    """`12 345`, digits in groups of three."""
    return f"{count:,}".replace(",", THIN)


def calls_text(count: int) -> str:
    """`1 call`, `12 345 calls`."""
    return "1 call" if count == 1 else f"{count_text(count)} calls"


def short_count(count: float) -> str:
    """Three digits at most, with k, M or G: `12.3k`."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size * 0.9995:
            return f"{_three(count / size)}{unit}"
    return _three(count)


def duration_text(ns: int) -> str:
    """`12.3 ms`: three digits and the unit that fits; minutes and hours as `2 min 05 s`, `1 h 02 min`."""
    size = abs(ns)
    sign = "-" if ns < 0 else ""
    if size >= 3600 * 1_000_000_000:
        minutes = size // 60_000_000_000
        return f"{sign}{minutes // 60}{THIN}h {minutes % 60:02d}{THIN}min"
    if size >= 100 * 1_000_000_000:
        seconds = size // 1_000_000_000
        return f"{sign}{seconds // 60}{THIN}min {seconds % 60:02d}{THIN}s"
    for unit_ns, unit in _DURATIONS:
        if size >= unit_ns * 0.9995:
            return f"{sign}{_three(size / unit_ns)}{THIN}{unit}"
    return f"{sign}{size}{THIN}ns"


def size_text(count: int) -> str:
    """`12.3 MiB`."""
    size, step = float(count), 0
    while size >= 1000 and step < len(_SIZES) - 1:
        size, step = size / 1024, step + 1
    return f"{count if step == 0 else _three(size)}{THIN}{_SIZES[step]}"


def figure_text(value: float, unit: str) -> str:
    """A figure in a unit of `capture.events.metrics`: `12.3 MiB`, `7 %`, `12.3k`."""
    if unit == "bytes":
        return size_text(round(value))
    return f"{max(0.0, value):.0f}{THIN}%" if unit == "percent" else short_count(value)


def _three(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f}"
    text = f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def clock_text(time_ns: int) -> str:
    """A moment to the nanosecond, in groups of three, as wide for every moment of the same hour.

    >>> clock_text(12_345_678_901).replace(THIN, " ")
    '00:12.345 678 901'
    """
    sign, rest = ("-", -time_ns) if time_ns < 0 else ("", time_ns)
    seconds, ns = divmod(rest, 1_000_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    whole = f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes:02d}:{seconds:02d}"
    digits = f"{ns:09d}"
    return f"{sign}{whole}.{digits[:3]}{THIN}{digits[3:6]}{THIN}{digits[6:]}"
