"""What happened to each order, kept for the auditors.

Planted leak: `AuditCache.remember` keeps every order's report for ever, keyed by an id that never comes again.
"""

from __future__ import annotations

import threading

from .counters import Counters
from .model import Order

REPORT_CHARACTERS = 8_192
KEPT_WHEN_MENDED = 100


class AuditCache:
    """Reports by order id. `mended` keeps only the newest ones."""

    def __init__(self, counters: Counters, *, mended: bool = False) -> None:
        self._lock = threading.Lock()
        self._reports: dict[int, str] = {}
        self._mended = mended
        self._counters = counters

    def remember(self, order: Order) -> None:
        """Keeps the report of a finished order."""
        self._counters.add("calls.AuditCache.remember")
        report = write_report(order)
        with self._lock:
            self._reports[order.order_id] = report
            if self._mended and len(self._reports) > KEPT_WHEN_MENDED:
                self._forget_oldest()

    def _forget_oldest(self) -> None:
        del self._reports[next(iter(self._reports))]

    def truth(self) -> dict[str, int]:
        """Entries and characters held now."""
        with self._lock:
            return {"entries": len(self._reports), "characters": sum(map(len, self._reports.values()))}


def write_report(order: Order) -> str:
    """The order's history as text of a fixed, generous size."""
    return "\n".join([f"order {order.order_id}", *order.trail]).ljust(REPORT_CHARACTERS)
