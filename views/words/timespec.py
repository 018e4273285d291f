"""Times as people type them: '1.5s', '250ms', '120000ns', '40%', 'start', 'end'."""

from __future__ import annotations

import re
from decimal import Decimal

from capture.errors import SessionProblem

_WORDS = ("start", "end")
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PATTERN = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(%|ns|us|µs|ms|s|m|h)")


def time_ns_from_text(text: str, start_ns: int, end_ns: int, from_ns: int | None = None) -> int:
    """The instant meant, in ns since session start. Decimal, never float: '0.1s' is exactly 100 000 000.

    `from_ns`: where '+10ms' and '-2s' count from, as far as there is time; without it these are not understood.
    Raises: SessionProblem when it cannot be read or lies outside start_ns..end_ns.
    """
    word = text.strip().lower()
    if word in _WORDS:
        return start_ns if word == "start" else end_ns
    sign = word[:1] if from_ns is not None and word[:1] in {"+", "-"} else ""
    match = _PATTERN.fullmatch(word.removeprefix(sign).lstrip())
    if match is None:
        raise SessionProblem(not_a_time(text))
    number, unit = Decimal(match[1]), match[2]
    amount_ns = int((end_ns - start_ns) * number / 100) if unit == "%" else int(number * _UNITS[unit])
    if from_ns is not None and sign:
        return min(max(from_ns + (amount_ns if sign == "+" else -amount_ns), start_ns), end_ns)
    time_ns = start_ns + amount_ns if unit == "%" else amount_ns
    if not start_ns <= time_ns <= end_ns:
        span = f"{text_from_ns(start_ns)} to {text_from_ns(end_ns)}"
        raise SessionProblem(f"The time {text} is outside this session, which runs from {span}.")
    return time_ns


def is_time(text: str) -> bool:
    """Whether it is a time at all, in whatever session.

    >>> is_time("40%"), is_time("end"), is_time("nan"), is_time("-1s")
    (True, True, False, False)
    """
    word = text.strip().lower()
    return word in _WORDS or _PATTERN.fullmatch(word) is not None


def not_a_time(text: str) -> str:
    """The sentence about one that is none."""
    return f"{text!r} is not a time; write 1.5s, 250ms, 120000ns, 40%, start or end."


def text_from_ns(time_ns: int) -> str:
    """A time for people: '12.345678901s', '250ms', '120ns'; exact, so that it can be typed back.

    >>> text_from_ns(250_000_000)
    '250ms'
    """
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if abs(time_ns) >= size:
            return f"{(Decimal(time_ns) / size).normalize():f}{unit}"
    return f"{time_ns}ns"
