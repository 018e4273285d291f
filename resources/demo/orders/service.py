"""The service: who runs in which thread, and the way of one order through it."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from itertools import cycle

from .audit import AuditCache
from .counters import Counters
from .fraud import FraudCheck
from .generator import take_orders
from .inventory import Inventory
from .invoices import InvoiceOffice
from .model import PRICES_CENT, Order, OrderError
from .notify import Notifier
from .payment import Payment

WORKERS = 3
RESTOCK_SECONDS = 0.05
RESTOCK_UNITS = 12
COUNT_SECONDS = 0.7


class Service:
    """Everything that runs. `start`, then `stop`: every order that came in is finished before `stop` returns."""

    def __init__(self, rate: float, *, mended: bool = False) -> None:
        self.counters = Counters()
        self.inventory = Inventory(self.counters, mended=mended)
        self.fraud = FraudCheck(self.counters, mended=mended)
        self.payment = Payment(self.counters)
        self.audit = AuditCache(self.counters, mended=mended)
        self.invoices = InvoiceOffice(self.counters)
        self.notifier = Notifier(self.counters)
        self.inbox: queue.Queue[Order | None] = queue.Queue()
        self._rate = rate
        self._started = time.monotonic()
        self._stop = threading.Event()
        self._suppliers = [self._thread("restocker", self._restock), self._thread("stock-taker", self._count_stock)]
        self._customers = self._thread("customers", self._take_orders)
        self._workers = [self._thread(f"worker-{number}", self._work) for number in range(1, WORKERS + 1)]

    def _thread(self, name: str, target: Callable[[], None]) -> threading.Thread:
        return threading.Thread(target=target, name=name)

    def start(self) -> None:
        self.invoices.warm_up()
        self.notifier.start()
        for thread in (*self._workers, *self._suppliers, self._customers):
            thread.start()

    def stop(self) -> None:
        """Takes no more orders, finishes those that came in, ends threads and children."""
        self._stop.set()
        self._customers.join()
        for _ in self._workers:
            self.inbox.put(None)
        for thread in (*self._workers, *self._suppliers):
            thread.join()
        self.notifier.close()
        self.invoices.close()

    def _take_orders(self) -> None:
        take_orders(self.inbox, self._rate, self._stop, self.counters)

    def _work(self) -> None:
        while (order := self.inbox.get()) is not None:
            self.handle(order)

    def handle(self, order: Order) -> None:
        """Brings one order to its end, whatever that is."""
        self.counters.add("calls.Service.handle")
        try:
            self.fulfil(order)
        except OrderError as problem:
            self.refuse(order, problem)
        self.notifier.notify(order)
        self.audit.remember(order)

    def fulfil(self, order: Order) -> None:
        """Raises: OrderError, whichever of them stops the order."""
        self.fraud.check(order)
        self.payment.charge(order)
        left = self.inventory.reserve(order.product, order.units)
        order.note(f"{left} left")
        self.invoices.request(order)
        order.set_status("shipped")
        self.counters.add("orders.shipped")

    def refuse(self, order: Order, problem: OrderError) -> None:
        order.set_status(type(problem).__name__)
        self.counters.add(f"orders.{type(problem).__name__}")

    def _restock(self) -> None:
        for product in cycle(PRICES_CENT):
            if self._stop.wait(RESTOCK_SECONDS):
                return
            self.inventory.restock(product, RESTOCK_UNITS)

    def _count_stock(self) -> None:
        while not self._stop.wait(COUNT_SECONDS):
            self.inventory.count_stock()

    def truth(self) -> dict[str, object]:
        """The service's own counters. While it runs an order may be counted in one place and not yet in the next;
        after `stop` the numbers agree with each other exactly."""
        return {
            "pid": os.getpid(),
            "seconds": round(time.monotonic() - self._started, 3),
            "waiting": self.inbox.qsize(),
            "orders": self.counters.group("orders"),
            "payment": self.counters.group("payment"),
            "fraud": self.counters.group("fraud"),
            "invoices": self.counters.group("invoices"),
            "notifications": self.counters.group("notifications"),
            "calls": self.counters.group("calls"),
            "stock": self.inventory.truth(),
            "audit": self.audit.truth(),
        }
