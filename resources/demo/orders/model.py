"""Orders, products, and what can go wrong with an order."""

from __future__ import annotations

from dataclasses import dataclass, field

PRICES_CENT = {"lamp": 3_490, "chair": 8_900, "desk": 24_900, "shelf": 12_900, "rug": 5_990}


class OrderError(Exception):
    """Why an order is not shipped."""


class OutOfStock(OrderError):
    """Fewer units on hand than wanted."""


class PaymentDeclined(OrderError):
    """The card was refused more often than we ask."""


class SuspectOrder(OrderError):
    """The fraud check said no."""


class GatewayBusy(Exception):
    """The payment gateway did not answer; asking again helps."""


@dataclass
class Order:
    """One order on its way through the service."""

    order_id: int
    product: str
    units: int
    card: str
    address: str
    status: str = "received"
    trail: list[str] = field(default_factory=list)

    def note(self, what: str) -> None:
        """Adds a line to the order's own history."""
        self.trail.append(what)

    def set_status(self, status: str) -> None:
        self.status = status
        self.note(status)


def price_cent(order: Order) -> int:
    """Price with discount and tax."""
    return with_tax(with_discount(PRICES_CENT[order.product] * order.units, order.units))


def with_discount(cent: int, units: int) -> int:
    return cent * 95 // 100 if units >= 3 else cent


def with_tax(cent: int) -> int:
    return cent * 119 // 100
