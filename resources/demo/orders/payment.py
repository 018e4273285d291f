"""Charging cards at a gateway that is sometimes busy and sometimes says no."""

from __future__ import annotations

from .counters import Counters
from .model import GatewayBusy, Order, PaymentDeclined, price_cent

ATTEMPTS = 3


class Payment:
    """Charges orders; asks a busy gateway again, gives up on a refused card."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def charge(self, order: Order) -> int:
        """Cents taken from the card.

        Raises: PaymentDeclined.
        """
        self._counters.add("calls.Payment.charge")
        cent = price_cent(order)
        for attempt in range(ATTEMPTS):
            try:
                return self._ask_gateway(order, cent, attempt)
            except GatewayBusy as busy:
                self._counters.add("payment.busy")
                order.note(f"attempt {attempt + 1}: {busy}")
        raise PaymentDeclined(f"order {order.order_id}: no answer after {ATTEMPTS} attempts")

    def _ask_gateway(self, order: Order, cent: int, attempt: int) -> int:
        if order.card.endswith("0"):
            raise PaymentDeclined(f"order {order.order_id}: card refused")
        if order.card.endswith("7") and attempt == 0:
            raise GatewayBusy("gateway busy")
        return cent
