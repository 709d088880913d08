"""What happens in the shop's clubs and campaigns: tiers reached, points rewarded, friends brought, discounts used."""

from random import Random

# Upstream's names of the tiers, the lowest first.
TIERS = ((b"tier_bronze", b"Bronze bean"), (b"tier_silver", b"Silver bean"), (b"tier_gold", b"Golden bean"))
REWARDS = (b"A bag of beans", b"A mug", b"A free delivery")
_OF_POINTS = b',"campaign":{"id":"camp_points","name":"Bean points","object":"campaign"}'
_CARD = b',"voucher":{"code":"BEAN-%06d","object":"voucher","type":"LOYALTY_CARD"}'


def happen(rank: int, number: int, rng: Random) -> tuple[bytes, bytes]:
    """Return an event's type and its data after the customer."""
    kind = rng.choice((_tier_upgraded, _points_rewarded, _reward_redeemed, _gift_topped_up, _discount_used, _referred))
    return kind(rank, number, rng)


def _tier_upgraded(_rank: int, number: int, rng: Random) -> tuple[bytes, bytes]:
    step = rng.choice((0, 1))
    reached = b',"loyalty_tier_from":%s,"loyalty_tier_to":%s' % (_tier(step), _tier(step + 1))
    return b"customer.loyalty.tier.upgraded", b'%s%s,"created_at":"run-%x"' % (_OF_POINTS, reached, number)


def _points_rewarded(rank: int, number: int, rng: Random) -> tuple[bytes, bytes]:
    points = rng.randint(50, 650)
    data = b'%s%s,"loyalty_tier":%s,"balance":{"points":50,"balance":%d,"transaction":"vtx_%x"}' % (
        _OF_POINTS, _CARD % rank, _tier(rng.choice((0, 1, 2))), points, number,
    )  # fmt: skip
    return b"customer.rewarded.loyalty_points", data


def _reward_redeemed(rank: int, number: int, rng: Random) -> tuple[bytes, bytes]:
    reward = b',"reward":{"id":"rew_%x","name":"%s","object":"reward"}' % (number, rng.choice(REWARDS))
    return b"customer.reward_redemptions.completed", _OF_POINTS + _CARD % rank + reward


def _gift_topped_up(rank: int, number: int, rng: Random) -> tuple[bytes, bytes]:
    amount = rng.randint(10, 90) * 100
    data = (
        b',"campaign":{"id":"camp_gifts","name":"Gift cards"},"voucher":{"code":"GIFT-%06d","object":"voucher"},'
        b'"balance":{"amount":%d,"balance":%d},"transaction":{"id":"vtx_%x","type":"CREDITS_ADDITION"}'
        % (rank, amount, amount, number)
    )
    return b"customer.voucher.gift.balance_added", data


def _discount_used(_rank: int, number: int, rng: Random) -> tuple[bytes, bytes]:
    campaign = rng.choice((b'"id":"camp_spring","name":"Spring at the shop"', b'"id":"camp_other","name":"Elsewhere"'))
    data = (
        b',"campaign":{%s},"promotion_tier":{"id":"promo_spring_10","name":"10 %% off"},'
        b'"order":{"id":"ord_%x","amount":%d},"redemption":{"id":"r_%x","amount":%d,"result":"SUCCESS"}'
        % (campaign, number, rng.randint(1000, 20_000), number, rng.randint(100, 2_000))
    )
    return b"customer.redemption.succeeded", data


def _referred(_rank: int, number: int, rng: Random) -> tuple[bytes, bytes]:
    data = (
        b',"campaign":{"id":"camp_friends","name":"Bring a friend"},"referrer":{"id":"cust_%07d"},'
        b'"voucher":{"code":"FRIEND-%x","object":"voucher"}' % (rng.randint(0, 19_999), number)
    )
    return b"customer.referred", data


def _tier(place: int) -> bytes:
    return b'{"id":"%s","name":"%s","object":"loyalty_tier"}' % TIERS[place]
