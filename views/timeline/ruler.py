"""The ruler's ticks: round instants, far enough apart to be read, with the digits that tell them apart. No Qt."""

from __future__ import annotations

from itertools import count

THIN = "\N{NARROW NO-BREAK SPACE}"
CHARACTER_PX = 7


def ticks(visible_ns: tuple[int, int], width: int) -> list[tuple[int, str]]:
    """(instant, label) of the ticks in the visible stretch.

    ticks((0, 1_000_000_000), 500) -> 0, 200, 400, 600, 800 and 1000 ms: '0.0 s', '0.2 s', ...
    """
    start_ns, end_ns = visible_ns
    if end_ns <= start_ns or width <= 0:
        return []
    for step_ns in _steps():
        longest = len(time_label(end_ns, step_ns)) + 2
        if step_ns * width >= longest * CHARACTER_PX * (end_ns - start_ns):
            break
    first = -(-start_ns // step_ns) * step_ns
    return [(time_ns, time_label(time_ns, step_ns)) for time_ns in range(first, end_ns + 1, step_ns)]


def time_label(time_ns: int, step_ns: int) -> str:
    """An instant with the digits that a step needs: time_label(1_234_500_000, 100_000) = '1.234 5 s'."""
    digits = max(0, 9 - (len(str(step_ns)) - 1))
    sign, time_ns = ("-", -time_ns) if time_ns < 0 else ("", time_ns)
    whole, rest = divmod(time_ns, 1_000_000_000)
    fraction = f"{rest:09d}"[:digits]
    grouped = THIN.join(fraction[at : at + 3] for at in range(0, digits, 3))
    if whole >= 60:
        minutes, seconds = divmod(whole, 60)
        hours, minutes = divmod(minutes, 60)
        clock = f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
        return f"{sign}{clock}{'.' if grouped else ''}{grouped}"
    return f"{sign}{whole}{'.' if grouped else ''}{grouped}{THIN}s"


def _steps() -> list[int]:
    """1, 2, 5, 10, ... ns up to a second, then what clocks count in."""
    decimal = [factor * 10**power for power in range(9) for factor in (1, 2, 5)]
    clock = [seconds * 1_000_000_000 for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)]
    days = [hours * 3_600_000_000_000 for hours in (6, 12, 24)]
    far = []
    for doubled in count(1):
        far.append((24 << doubled) * 3_600_000_000_000)
        if far[-1] > 1 << 62:
            break
    return decimal + clock + days + far
