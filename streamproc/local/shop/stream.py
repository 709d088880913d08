"""What happens in the shop: an endless stream of records with event time moving on, in constant memory.

Bodies are joined from fragments that were rendered once, so that one core makes over 100,000 events a second.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from itertools import islice
from random import Random

from streamproc.local.shop import club
from streamproc.local.shop.faults import FAULTS, oversized
from streamproc.local.shop.goods import make_baskets, make_details
from streamproc.local.shop.orders import Orders
from streamproc.local.shop.people import CLUBS, activity, make_customers, profile_records

ShopRecord = tuple[str, bytes | None, bytes | None]
"""Logical topic, key, value."""

# Of 10,000 records. Faults and repeats are left out of a flawless stream.
MIX = {
    "order": 6800,
    "custom_event": 1560,
    "segment": 600,
    "points": 200,
    "club": 200,
    "customer": 390,
    "unknown": 80,
    "repeated": 100,
    "faulty": 70,
}
# The last one is unknown to the sample configuration.
SEGMENTS = (
    (b"seg_vip", b"Best customers"),
    (b"seg_readers", b"Newsletter readers"),
    (b"seg_leaving", b"About to leave"),
    (b"seg_elsewhere", b"Someone else's segment"),
)
SEGMENT_WEIGHTS = (45, 25, 25, 5)
UNKNOWN_TYPES = (b"customer.order.processing", b"customer.email.sent", b"till.opened")

FIRST_DAY = 1_772_431_200_000  # Monday, 2 March 2026, 06:00 UTC, in milliseconds
EPOCH_ORDINAL = 719_163  # 1 January 1970
MEAN_STEP_MILLISECONDS = 6_000  # 100,000 events last about a week
LATE_SHARE = 0.01
LATE_MILLISECONDS = 6 * 3_600_000
RECENT_RECORDS = 64
# Of the faulty records; rare, because each is as large as a thousand others.
OVERSIZED_FIRST, OVERSIZED_EVERY = 3, 200
BLOCK = 4096


@dataclass(frozen=True, slots=True)
class ShopOptions:
    """What kind of stream. `mean_bytes` is the mean size of an event's value; at least about 800."""

    seed: int = 1
    customers: int = 2_000
    mean_bytes: int = 850
    flawless: bool = False
    oversized: bool = False


class Shop:
    """The shop for some options; each call of `events` begins the same stream from its start."""

    def __init__(self, options: ShopOptions | None = None) -> None:
        self.options = options or ShopOptions()
        self._fillers = self._make_fillers()

    def profiles(self) -> Iterator[ShopRecord]:
        """Yield the records of the topic `customers`, some of them deletions."""
        for key, value in profile_records(_Stream(self.options, [b""]).customers):
            yield "customers", key, value

    def events(self) -> Iterator[ShopRecord]:
        """Yield the records of the topic `customer-events`, without end."""
        return _Stream(self.options, self._fillers).records()

    def _make_fillers(self) -> list[bytes]:
        """Size the field `client` of the envelope so that the mean comes out as asked."""
        usual = _Stream(replace(self.options, oversized=False), [b""])
        natural = [len(value or b"") for _, _, value in islice(usual.records(), 4000)]
        frame = b'"client":{"session":"","agent":""},'
        missing = self.options.mean_bytes - sum(natural) / len(natural) - len(frame) - 8
        if missing < 0:
            raise ValueError(f"mean_bytes {self.options.mean_bytes}: at least {self.options.mean_bytes - missing:.0f}")
        agents = [(b"Mozilla/5.0 (shop client) " * 400)[: int(missing * share)] for share in (0.6, 0.8, 1.0, 1.2, 1.4)]
        return [b'"client":{"session":"s-%06d","agent":"%s"},' % (number, agent) for number, agent in enumerate(agents)]


class _Stream:
    """The moving parts of one run through the stream."""

    def __init__(self, options: ShopOptions, fillers: list[bytes]) -> None:
        self._options = options
        self._rng = rng = Random(options.seed)
        self.customers = make_customers(options.customers, rng)
        self._cumulative = activity(options.customers)
        self._orders = Orders(make_baskets(rng), rng)
        self._details = make_details(rng)
        self._fillers = fillers
        self._prefix = b"evt_%x_" % options.seed
        self._number = 0
        self._faults = 0
        self._clock = FIRST_DAY
        self._recent: deque[tuple[bytes, bytes]] = deque(maxlen=RECENT_RECORDS)

    def records(self) -> Iterator[ShopRecord]:
        makers = {
            "order": self._order,
            "custom_event": self._custom_event,
            "segment": self._segment,
            "points": self._points,
            "club": self._club,
            "customer": self._customer,
            "unknown": self._unknown,
        }
        for kind, rank in self._plan():
            maker = makers.get(kind)
            if maker is not None:
                key, value = maker(rank)
                self._recent.append((key, value))
                yield "customer-events", key, value
            elif kind == "repeated" and self._recent:
                yield "customer-events", *self._rng.choice(self._recent)
            else:
                yield "customer-events", *self._faulty(rank)

    def _plan(self) -> Iterator[tuple[str, int]]:
        """Yield a kind and the rank of a customer; drawn in blocks, which is several times quicker."""
        kinds = [kind for kind in MIX if not (self._options.flawless and kind in {"unknown", "repeated", "faulty"})]
        weights = [MIX[kind] for kind in kinds]
        ranks = range(len(self.customers))
        while True:
            yield from zip(
                self._rng.choices(kinds, weights, k=BLOCK),
                self._rng.choices(ranks, cum_weights=self._cumulative, k=BLOCK),
                strict=True,
            )

    def _event(
        self, rank: int, kind: bytes, at: bytes, data: bytes, customer: bytes | None = None
    ) -> tuple[bytes, bytes]:
        """Join one event; `data` is what follows the customer, with its leading comma."""
        self._number = number = self._number + 1
        who = self.customers[rank]
        return who.key, b"".join((
            b'{"id":"', self._prefix, b"%x" % number, b'","type":"', kind, b'","created_at":"', at,
            b'","group_id":"req_%x",' % (number // 3), self._fillers[number % len(self._fillers)],
            b'"data":{"customer":', customer or who.in_events, data, b"}}",
        ))  # fmt: skip

    def _now(self) -> bytes:
        """Move the clock on and tell the time; a few events are late."""
        luck = self._rng.random()
        self._clock = clock = self._clock + 1 + int(luck * 2 * MEAN_STEP_MILLISECONDS)
        return _instant(clock - int(luck / LATE_SHARE * LATE_MILLISECONDS) if luck < LATE_SHARE else clock)

    def _order(self, rank: int) -> tuple[bytes, bytes]:
        now = self._now()
        rank, kind, data = self._orders.happen(rank, self._number, now)
        return self._event(rank, kind, now, data)

    def _custom_event(self, rank: int) -> tuple[bytes, bytes]:
        detail = self._details[int(self._rng.random() * len(self._details))]
        return self._event(rank, b"customer.custom_event", self._now(), b"," + detail)

    def _segment(self, rank: int) -> tuple[bytes, bytes]:
        ((identity, name),) = self._rng.choices(SEGMENTS, SEGMENT_WEIGHTS)
        kind = b"customer.segment.entered" if self._rng.random() < 0.6 else b"customer.segment.left"
        data = b',"segment":{"id":"%s","name":"%s","object":"segment"}' % (identity, name)
        return self._event(rank, kind, self._now(), data)

    def _points(self, rank: int) -> tuple[bytes, bytes]:
        points = 1 + int(self._rng.random() * 200)
        campaign = (
            b'"id":"camp_points","name":"Bean points"' if points > 10 else b'"id":"camp_other","name":"Elsewhere"'
        )
        data = (
            b',"campaign":{%s},"voucher":{"code":"BEAN-%06d","object":"voucher"},'
            b'"balance":{"points":%d,"balance":%d},"transaction":{"id":"vtx_%x","type":"POINTS_ADDITION"}'
            % (campaign, rank, points, points * 3, self._number)
        )
        return self._event(rank, b"customer.voucher.loyalty_card.points_added", self._now(), data)

    def _club(self, rank: int) -> tuple[bytes, bytes]:
        kind, data = club.happen(rank, self._number, self._rng)
        return self._event(rank, kind, self._now(), data)

    def _customer(self, rank: int) -> tuple[bytes, bytes]:
        """A change of the customer: they only feed the state, and later events depend on it."""
        luck = self._rng.random()
        start = self.customers[rank].in_events.partition(b",")[0]  # {"id":"..."
        if luck < 0.02:
            return self._event(rank, b"customer.deleted", self._now(), b"", start + b"}")
        if luck < 0.1:
            return self._event(rank, b"customer.created", self._now(), b"")
        changes = (
            b'"metadata":{"club":"%s"}' % self._rng.choice(CLUBS).encode(),
            b'"metadata":{"club":"%s"}' % self._rng.choice(CLUBS).encode(),
            b'"phone":"+420%d"' % self._number,
            b'"phone":""',
            b'"email":"new.%d@shop.example"' % self._number,
            b'"unsubscribed":["sms","email"]',
            b'"unsubscribed":[]',
            b'"unsubscribed":[]',
            b'"unsubscribed":[]',
            b'"address":{"city":"Wien","country":"AT"}',
        )
        change = self._rng.choice(changes)
        return self._event(rank, b"customer.updated", self._now(), b"", start + b"," + change + b"}")

    def _unknown(self, rank: int) -> tuple[bytes, bytes]:
        return self._event(rank, self._rng.choice(UNKNOWN_TYPES), self._now(), b"")

    def _faulty(self, rank: int) -> tuple[bytes | None, bytes]:
        self._faults += 1
        if self._options.oversized and self._faults % OVERSIZED_EVERY == OVERSIZED_FIRST:
            return oversized(*self._order(rank))
        _, fault = self._rng.choice(FAULTS)
        return fault(*self._order(rank))


def _instant(milliseconds: int) -> bytes:
    """Render as RFC 3339, UTC."""
    seconds, fraction = divmod(milliseconds, 1000)
    day, second = divmod(seconds, 86_400)
    return b"%sT%02d:%02d:%02d.%03dZ" % (_date(day), second // 3600, second // 60 % 60, second % 60, fraction)


@lru_cache(maxsize=16)
def _date(day: int) -> bytes:
    return date.fromordinal(EPOCH_ORDINAL + day).isoformat().encode()
