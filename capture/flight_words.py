"""What a flight recorder keeps, and what makes it save: the words of --flight and --trigger, read and checked.

Standard library only: `capture.flags` asks it.
"""

from __future__ import annotations

import fnmatch
import re
from typing import NamedTuple

from capture.errors import WrongUsage

LEAST_NS, MOST_NS = 10**9, 24 * 3600 * 10**9
LEAST_BYTES, MOST_BYTES = 16 << 20, 1 << 44
_KEPT = re.compile(r"([1-9][0-9]{0,8})\s*(s|m|min|h|MiB|GiB)")
_UNITS = {"s": 10**9, "m": 60 * 10**9, "min": 60 * 10**9, "h": 3600 * 10**9, "MiB": 1 << 20, "GiB": 1 << 30}
_SLOW = re.compile(r"slow:(\S+?)\s*>\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(us|ms|s|m)")
_OF_SLOW = {"us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9}
EXCEPTION, SLOW, SIGNAL = "exception", "slow", "signal"
KNOWN = "exception, exception:TYPE, slow:FUNC>250ms or signal"


class Kept(NamedTuple):
    """How much of the past a flight recorder keeps: the last `ns`, or the last `bytes`; the other one is 0."""

    ns: int = 0
    bytes: int = 0


class Trigger(NamedTuple):
    """What makes it save. `of`: a pattern for types of exceptions, or functions; "" for any exception that leaves the
    recorded functions. `longer_ns`: a call that takes longer is slow.
    """

    kind: str
    of: str = ""
    longer_ns: int = 0

    def is_of_type(self, name: str) -> bool:
        """Whether it is about exceptions of this type, which is told with its module, or of this name alone.

        >>> [Trigger(EXCEPTION, of).is_of_type("requests.Timeout") for of in ("Time*", "Timeout", "E")]
        [True, True, False]
        """
        return any(fnmatch.fnmatchcase(one, self.of) for one in (name, name.rpartition(".")[2]))

    def is_of_function(self, module: str, function: str) -> bool:
        """Whether it is about this function.

        >>> [Trigger(SLOW, of, 1).is_of_function("orders", "Store.put") for of in ("Store.put", "orders.*", "put")]
        [True, True, False]
        """
        return any(fnmatch.fnmatchcase(one, self.of) for one in (function, f"{module}.{function}"))


def kept_of(text: str) -> Kept:
    """What --flight says. Raises: WrongUsage.

    >>> kept_of("30s"), kept_of("64MiB")
    (Kept(ns=30000000000, bytes=0), Kept(ns=0, bytes=67108864))
    """
    found = _KEPT.fullmatch(text.strip())
    amount = int(found[1]) * _UNITS[found[2]] if found else 0
    if found and found[2].endswith("iB") and LEAST_BYTES <= amount <= MOST_BYTES:
        return Kept(bytes=amount)
    if found and not found[2].endswith("iB") and LEAST_NS <= amount <= MOST_NS:
        return Kept(ns=amount)
    raise WrongUsage(f"--flight takes a time such as 30s or 5m, up to 24h, or a size from 16MiB on, not {text[:60]!r}.")


def trigger_of(text: str) -> Trigger:
    """What --trigger says. Raises: WrongUsage.

    >>> trigger_of("exception:KeyError")
    Trigger(kind='exception', of='KeyError', longer_ns=0)
    >>> trigger_of("slow:orders.Store.put>250ms")
    Trigger(kind='slow', of='orders.Store.put', longer_ns=250000000)
    """
    said = text.strip()
    if said in (EXCEPTION, SIGNAL):
        return Trigger(said)
    kind, colon, of = said.partition(":")
    if kind == EXCEPTION and colon and of.strip():
        return Trigger(EXCEPTION, of.strip())
    found = _SLOW.fullmatch(said)
    if found:
        return Trigger(SLOW, found[1], int(float(found[2]) * _OF_SLOW[found[3]]))
    if kind == "value":
        raise WrongUsage("--trigger value:EXPR is not understood yet; there are " + KNOWN + ".")
    raise WrongUsage(f"--trigger takes {KNOWN}, not {text[:60]!r}.")
