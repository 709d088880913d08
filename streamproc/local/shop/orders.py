"""The life of the shop's orders: created, perhaps updated, then paid or canceled; some are fulfilled."""

from dataclasses import dataclass
from random import Random

MAX_OPEN = 512
MIN_OPEN = 32


@dataclass(slots=True)
class OpenOrder:
    """An order that something may still happen to. `rank` is its customer's, `basket` the place of what is bought."""

    rank: int
    number: int
    basket: int
    opened_at: bytes
    paid: bool = False


class Orders:
    """At most `MAX_OPEN` open orders; the baskets are the rendered members of an order that say what is bought."""

    def __init__(self, baskets: list[bytes], rng: Random) -> None:
        self._baskets = baskets
        self._rng = rng
        self._open: list[OpenOrder] = []

    def happen(self, rank: int, number: int, now: bytes) -> tuple[int, bytes, bytes]:
        """Create an order of this customer, or let something happen to an open one.

        Returns the rank of the customer whose order it is, the event's type and its data after the customer.
        """
        luck = self._rng.random()
        if len(self._open) < MIN_OPEN or (luck < 0.47 and len(self._open) < MAX_OPEN):
            order = OpenOrder(rank, number, int(luck * 1e6) % len(self._baskets), now)
            self._open.append(order)
            return rank, b"customer.order.created", self._data(order, b"CREATED")
        order = self._take()
        kind, status = self._move_on(order, self._rng.random())
        return order.rank, kind, self._data(order, status)

    def _take(self) -> OpenOrder:
        place = int(self._rng.random() * len(self._open))
        order, self._open[place] = self._open[place], self._open[-1]
        self._open.pop()
        return order

    def _move_on(self, order: OpenOrder, luck: float) -> tuple[bytes, bytes | None]:
        """Return the type of what happens and the status told with it; an update does not always tell one."""
        if order.paid:
            return (
                (b"customer.order.fulfilled", b"FULFILLED") if luck < 0.8 else (b"customer.order.canceled", b"CANCELED")
            )
        if luck < 0.22:
            order.basket = (order.basket + 1) % len(self._baskets)
            self._open.append(order)
            return b"customer.order.updated", b"CREATED" if luck < 0.15 else None
        if luck < 0.9:
            if luck < 0.36:
                order.paid = True
                self._open.append(order)
            return b"customer.order.paid", b"PAID"
        return b"customer.order.canceled", b"CANCELED"

    def _data(self, order: OpenOrder, status: bytes | None) -> bytes:
        return b',"referrer":null,"redemption":null,"order":{"id":"ord_%x","object":"order","created_at":"%s",%s%s}' % (
            order.number,
            order.opened_at,
            b'"status":"%s",' % status if status else b"",
            self._baskets[order.basket],
        )
