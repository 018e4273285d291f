"""Is this address real? Planted slow path: for some addresses the answer takes a thousand times longer.

`(\\w+\\s?)+$` tries every way to cut a long word into pieces before it gives up at the `!`, doubling with each letter,
and it holds the interpreter's lock all the while: every thread stands still, not only this one.
"""

from __future__ import annotations

import re
import time

from .counters import Counters
from .model import Order, SuspectOrder

GREEDY = re.compile(r"^(\w+\s?)+$")
PLAIN = re.compile(r"^[\w\s]+$")
SLOW_SECONDS = 0.005


class FraudCheck:
    """Checks addresses. `mended` uses a pattern that cannot explode."""

    def __init__(self, counters: Counters, *, mended: bool = False) -> None:
        self._counters = counters
        self._pattern = PLAIN if mended else GREEDY

    def check(self, order: Order) -> None:
        """Raises: SuspectOrder when the address does not look like one."""
        self._counters.add("calls.FraudCheck.check")
        started = time.perf_counter()
        plausible = self.looks_plausible(order.address)
        if time.perf_counter() - started > SLOW_SECONDS:
            self._counters.add("fraud.slow_checks")
        if not plausible:
            raise SuspectOrder(f"order {order.order_id}: {order.address[:12]}...")

    def looks_plausible(self, address: str) -> bool:
        return self._pattern.match(address) is not None
