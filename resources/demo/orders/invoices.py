"""Invoices, written by child processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import Future, ProcessPoolExecutor

from .counters import Counters
from .model import PRICES_CENT, Order

CHILDREN = 2


class InvoiceOffice:
    """A pool of child processes that turn orders into invoices."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(CHILDREN, mp_context=spawn, initializer=prepare_child)

    def warm_up(self) -> None:
        """Returns once the children run."""
        for started in [self._pool.submit(os.getpid) for _ in range(CHILDREN)]:
            started.result()

    def request(self, order: Order) -> None:
        """Has an invoice written in the background."""
        written = self._pool.submit(write_invoice, order.order_id, order.product, order.units)
        written.add_done_callback(self._file_invoice)

    def _file_invoice(self, written: Future[str]) -> None:
        self._counters.add("invoices.failed" if written.cancelled() or written.exception() else "invoices.written")

    def close(self) -> None:
        self._pool.shutdown(wait=True)


def write_invoice(order_id: int, product: str, units: int) -> str:
    """The invoice as text. Runs in a child process."""
    lines = [invoice_line(position, product) for position in range(1, units + 1)]
    return "\n".join([f"Invoice {order_id:08d}", *lines, f"Total {total_cent(product, units) / 100:.2f}"])


def invoice_line(position: int, product: str) -> str:
    return f"{position:3d}  {product:12s} {PRICES_CENT[product] / 100:10.2f}"


def total_cent(product: str, units: int) -> int:
    return sum(PRICES_CENT[product] for _ in range(units))


def prepare_child() -> None:
    """Makes a child end with its parent and not before: by itself when the parent is killed (a pool's children would
    wait for work for ever), and not by the Ctrl+C that a terminal sends to everyone, because invoices are still due."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
