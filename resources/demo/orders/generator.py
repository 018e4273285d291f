"""Customers: a steady stream of orders with a rush every few seconds; the same orders in every run."""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Iterator

from .counters import Counters
from .model import PRICES_CENT, Order

SEED = 20
RUSH_EVERY_SECONDS = 4.0
RUSH_SECONDS = 0.6
RUSH_FACTOR = 4
SLOW_EVERY = 40

rush_hour = False


def make_orders() -> Iterator[Order]:
    """Endless orders, ids from 1."""
    chance = random.Random(SEED)
    order_id = 0
    while True:
        order_id += 1
        yield make_order(order_id, chance)


def make_order(order_id: int, chance: random.Random) -> Order:
    product = chance.choice(list(PRICES_CENT))
    card = f"{chance.randrange(10**15, 10**16)}"
    return Order(order_id, product, chance.randint(1, 4), card, make_address(order_id, chance))


def make_address(order_id: int, chance: random.Random) -> str:
    """A street and a number; every 40th customer leaves a long word with a `!` (see fraud.py)."""
    if order_id % SLOW_EVERY == 0:
        return "a" * chance.randint(18, 20) + "!"
    return f"{chance.choice(('Main', 'Lake', 'Hill'))} Street {chance.randint(1, 99)}"


def seconds_to_next(rate: float, elapsed: float) -> float:
    """Pause before the next order; short during the rush."""
    set_rush_hour(elapsed % RUSH_EVERY_SECONDS > RUSH_EVERY_SECONDS - RUSH_SECONDS)
    return 1.0 / (rate * RUSH_FACTOR if rush_hour else rate)


def set_rush_hour(on: bool) -> None:
    """Keeps the module's `rush_hour` up to date: a global worth watching."""
    global rush_hour  # noqa: PLW0603 - a module global is what the state view should have to show
    if on != rush_hour:
        rush_hour = on


def take_orders(inbox: queue.Queue[Order | None], rate: float, stop: threading.Event, counters: Counters) -> None:
    """Puts orders into the inbox until told to stop. Runs as the thread `customers`."""
    started = time.monotonic()
    for order in make_orders():
        if stop.wait(seconds_to_next(rate, time.monotonic() - started)):
            return
        counters.add("orders.received")
        inbox.put(order)
