"""Delivery notifications: an asyncio loop in a thread of its own, with a queue and some courier tasks."""

from __future__ import annotations

import asyncio
import threading

from .counters import Counters
from .model import Order

COURIERS = 4
PATIENCE_SECONDS = 0.05
ATTEMPTS = 2


class Notifier:
    """Sends notifications from any thread; the couriers are tasks that share one queue."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._loop = asyncio.new_event_loop()
        self._outbox: asyncio.Queue[tuple[int, str] | None] = asyncio.Queue()
        self._thread = threading.Thread(target=self._run_loop, name="notifier")

    def start(self) -> None:
        self._thread.start()

    def notify(self, order: Order) -> None:
        """Hands a notification to the loop; safe from any thread."""
        self._loop.call_soon_threadsafe(self._outbox.put_nowait, (order.order_id, order.status))

    def close(self) -> None:
        """Returns when everything handed over was sent or given up."""
        for _ in range(COURIERS):
            self._loop.call_soon_threadsafe(self._outbox.put_nowait, None)
        self._thread.join()

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._deliver_all())
        finally:
            self._loop.close()

    async def _deliver_all(self) -> None:
        await asyncio.gather(*(self._courier() for _ in range(COURIERS)))

    async def _courier(self) -> None:
        while (message := await self._outbox.get()) is not None:
            await self.deliver(*message)

    async def deliver(self, order_id: int, status: str) -> None:
        """Sends one notification, and once more when the first took too long."""
        self._counters.add("notifications.handed_over")
        for attempt in range(ATTEMPTS):
            try:
                await asyncio.wait_for(self._send(order_id, attempt), PATIENCE_SECONDS)
            except (asyncio.TimeoutError, TimeoutError):  # two classes until Python 3.11
                self._counters.add("notifications.timed_out")
            else:
                self._counters.add("notifications.sent")
                return
        self._counters.add("notifications.given_up")

    async def _send(self, order_id: int, attempt: int) -> None:
        await asyncio.sleep(travel_seconds(order_id, attempt))


def travel_seconds(order_id: int, attempt: int) -> float:
    """How long a message travels: every 16th too long at first, every 64th always."""
    if order_id % 64 == 0 or (order_id % 16 == 0 and attempt == 0):
        return PATIENCE_SECONDS * 4
    return 0.002 + (order_id % 5) * 0.003
