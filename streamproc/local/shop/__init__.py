"""A made-up shop: a seeded, endless stream of what its customers do, for the demo, tests and benchmarks.

Reading order: `people` (who), `goods` (what they buy), `orders` and `club` (what comes of it), `stream` (what happens,
in which proportions), `faults` (what upstream gets wrong).
The same options give the same bytes, on every machine.
"""

from streamproc.local.shop.stream import Shop, ShopOptions, ShopRecord

__all__ = ["Shop", "ShopOptions", "ShopRecord"]
