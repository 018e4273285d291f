"""Stock per product behind one lock that everybody wants.

Planted bug "lost update": `restock` reads and writes `Stock.units` without the lock, and a reservation that comes in
between is overwritten. Planted trouble "contended lock": `count_stock` keeps the lock while it counts shelf by shelf.
"""

from __future__ import annotations

import threading
import time

from .counters import Counters
from .model import PRICES_CENT, OutOfStock

INITIAL_UNITS = 400
SHELF_SECONDS = 0.012
DELIVERY_SECONDS = 0.02


class Stock:
    """Units of one product on hand. `writes` counts assignments, so that an overwritten one can be told."""

    def __init__(self, product: str, units: int) -> None:
        self.product = product
        self.units = units
        self.writes = 0

    def set_units(self, units: int) -> None:
        self.units = units
        self.writes += 1


class Inventory:
    """All stock. `mended` switches the planted bug off, for comparing two runs."""

    def __init__(self, counters: Counters, *, mended: bool = False) -> None:
        self.lock = threading.Lock()
        self.stock = {product: Stock(product, INITIAL_UNITS) for product in PRICES_CENT}
        self.mended = mended
        self._counters = counters

    def reserve(self, product: str, units: int) -> int:
        """Takes units out of stock; what is left.

        Raises: OutOfStock.
        """
        self._counters.add("calls.Inventory.reserve")
        with self.lock:
            return self._take(self.stock[product], units)

    def _take(self, stock: Stock, units: int) -> int:
        if stock.units < units:
            raise OutOfStock(f"{units} of {stock.product} wanted, {stock.units} on hand")
        stock.set_units(stock.units - units)
        self._counters.add("stock.reserved", units)
        return stock.units

    def restock(self, product: str, units: int) -> None:
        """Adds a delivery to the stock."""
        self._counters.add("calls.Inventory.restock")
        if self.mended:
            with self.lock:
                self._put(self.stock[product], units)
        else:
            self._put(self.stock[product], units)

    def _put(self, stock: Stock, units: int) -> None:
        before, writes = stock.units, stock.writes
        unload_delivery(0 if self.mended else DELIVERY_SECONDS)
        if stock.writes != writes:
            self._counters.add("stock.lost_updates", stock.writes - writes)
        stock.set_units(before + units)
        self._counters.add("stock.restocked", units)

    def count_stock(self) -> dict[str, int]:
        """Units on hand per product; slow, and nobody can reserve meanwhile."""
        self._counters.add("calls.Inventory.count_stock")
        with self.lock:
            return {product: self._count_shelf(stock) for product, stock in self.stock.items()}

    def _count_shelf(self, stock: Stock) -> int:
        time.sleep(SHELF_SECONDS)
        return stock.units

    def truth(self) -> dict[str, int]:
        """What should be there, what is there, and the difference that lost updates made."""
        with self.lock:
            on_hand = sum(stock.units for stock in self.stock.values())
            moved = self._counters.get("stock.restocked") - self._counters.get("stock.reserved")
        expected = INITIAL_UNITS * len(self.stock) + moved
        return {
            "expected": expected,
            "on_hand": on_hand,
            "phantom": on_hand - expected,
            "lost_updates": self._counters.get("stock.lost_updates"),
        }


def unload_delivery(seconds: float) -> None:
    """The part of a delivery that takes time, right between reading the stock and writing it."""
    time.sleep(seconds)
