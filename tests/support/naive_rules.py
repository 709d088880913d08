"""The oracle of the properties on rules: reads them straight from their description, slowly, compiling nothing.

Written on its own: nothing of the package is used, so a mistake there is not repeated here.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")
DATE = re.compile(r"\d{4}-\d\d-\d\d")
NUMERIC = re.compile(r"[+-]?\d+(\.\d+)?")
NEGATIVE = {"$is_not": "$is", "$not_in": "$in", "$not_contain": "$contains", "$not_intersect": "$is"}
ALIASES = {
    "$more_than_equal": "$more_than_or_equal",
    "$greater_than_or_equal": "$more_than_or_equal",
    "$less_than_equal": "$less_than_or_equal",
    "$greater_than": "$more_than",
}
ALL_LINES = {f"order.items.{field}_{word}" for field in ("price", "metadata") for word in ("any", "each")}
QUANTIFIERS = ("any", "every", "none", "cheapest", "most_expensive")


@dataclass
class World:
    """What a rule may be about."""

    family: str
    data: dict[str, Any]
    profile: dict[str, Any]
    segments: list[str]
    tier: Any
    now: datetime
    zone: tzinfo


@dataclass
class Around:
    """The place among order lines at which sub-rules are read."""

    matching: list[dict[str, Any]]
    line: dict[str, Any] | None


def rules_hold(rules: dict[str, Any], world: World, around: Around | None = None) -> bool:
    truth = {key: node_holds(node, world, around) for key, node in rules.items() if key != "logic"}
    logic = (rules.get("logic") or "").strip()
    if not logic:
        return all(truth.values())
    return eval_logic(logic, truth)


def eval_logic(logic: str, truth: dict[str, bool]) -> bool:
    """Shrink the innermost bracket until none is left; then `or` splits first, `and` second."""
    while "(" in logic:
        logic = re.sub(r"\(([^()]*)\)", lambda inner: " T " if flat(inner[1], truth) else " F ", logic, count=1)
    return flat(logic, truth)


def flat(logic: str, truth: dict[str, bool]) -> bool:
    words = logic.split()
    groups: list[list[bool]] = [[]]
    for word in words:
        if word.lower() == "or":
            groups.append([])
        elif word.lower() != "and":
            groups[-1].append(truth[word] if word in truth else {"T": True, "F": False}[word])
    return any(all(group) for group in groups)


def node_holds(node: dict[str, Any], world: World, around: Around | None) -> bool:
    name, conditions = node["name"], node.get("conditions") or {}
    if name.startswith(("order.", "product.", "sku.")) and world.family != "order":
        return False
    if name.startswith("custom_event.") and world.family != "custom_event":
        return False
    sub_rules = node.get("rules") or {}
    if name.startswith("order.items.") and name.rsplit(".", 1)[1] in QUANTIFIERS:
        return quantifier_holds(name.rsplit(".", 1)[1], conditions, sub_rules, world)
    if name in {"product.id", "sku.id"}:
        lines = [line for line in lines_of(world) if is_of(line, conditions.get("$is"), name.split(".", maxsplit=1)[0])]
        return bool(lines) and rules_hold(sub_rules, world, Around(lines, None))
    return own_holds(name, node.get("property"), conditions, world, around) and rules_hold(sub_rules, world, around)


def own_holds(name: str, path: Any, conditions: dict[str, Any], world: World, around: Around | None) -> bool:
    def fits(subject: Any) -> bool:
        return all(operator_holds(operator, value, subject, world) for operator, value in conditions.items())

    if name in ALL_LINES:
        of_metadata = name.startswith("order.items.metadata")
        subjects = [at(line.get("metadata"), path) if of_metadata else line.get("price") for line in lines_of(world)]
        return subjects != [] and (all if name.endswith("_each") else any)(map(fits, subjects))
    if name in {"product.price", "sku.price"}:
        assert around is not None
        return any(fits(line.get("price")) for line in around.matching)
    return fits(subject_of(name, path, world, around))


def subject_of(name: str, path: Any, world: World, around: Around | None) -> Any:  # noqa: PLR0911  (one return a meaning)
    order = world.data.get("order")
    order = order if isinstance(order, dict) else {}
    event = world.data.get("event")
    event = event if isinstance(event, dict) else {}
    if name == "customer.segment":
        return world.segments
    if name == "customer.loyalty.tier":
        return world.tier
    if name == "customer.metadata":
        customer = world.data.get("customer")
        told = at(customer.get("metadata"), path) if isinstance(customer, dict) else None
        return at(world.profile.get("metadata"), path) if told is None else told
    if name == "custom_event.metadata":
        return at(event.get("metadata"), path)
    if name == "order.metadata":
        return at(order.get("metadata"), path)
    if name == "order.items.count":
        return len(lines_of(world))
    if name in {"order.amount", "order.total_amount", "order.initial_amount"}:
        return order.get(name.removeprefix("order."))
    assert around is not None
    return subject_in_lines(name, path, around)


def subject_in_lines(name: str, path: Any, around: Around) -> Any:
    last = name.rsplit(".", 1)[1]
    if last == "discount_applicable":
        return True
    if last == "aggregated_amount":
        return sum(map(line_amount, around.matching))
    if last == "aggregated_quantity" or around.line is None:
        return sum(line.get("quantity") if is_number(line.get("quantity")) else 1 for line in around.matching)
    return at(around.line.get("metadata"), path) if last == "metadata" else around.line.get(last)


def line_amount(line: dict[str, Any]) -> Any:
    if is_number(line.get("subtotal_amount")):
        return line["subtotal_amount"]
    if is_number(line.get("amount")):
        return line["amount"]
    if not is_number(line.get("price")):
        return 0
    return line["price"] * (line.get("quantity") if is_number(line.get("quantity")) else 1)


def quantifier_holds(word: str, conditions: dict[str, Any], sub_rules: dict[str, Any], world: World) -> bool:
    lines = lines_of(world)

    def within(line: dict[str, Any]) -> bool:
        return is_of(line, conditions.get("$from"), None)

    def matches(line: dict[str, Any]) -> bool:
        return within(line) and is_of(line, conditions.get("$is"), None)

    matching = [line for line in lines if matches(line)]

    def good(line: dict[str, Any]) -> bool:
        return matches(line) and rules_hold(sub_rules, world, Around(matching, line))

    if word == "any":
        return any(map(good, lines))
    if word == "none":
        return not any(map(good, lines))
    if word == "every":
        return lines != [] and all(map(good, lines))
    prices = [line["price"] for line in lines if is_number(line.get("price")) and within(line)]
    if not prices:
        return False
    best = min(prices) if word == "cheapest" else max(prices)
    return any(good(line) for line in lines if is_number(line.get("price")) and line["price"] == best)


def lines_of(world: World) -> list[dict[str, Any]]:
    order = world.data.get("order")
    items = order.get("items") if isinstance(order, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def is_of(line: dict[str, Any], wanted: Any, only: str | None) -> bool:
    if wanted is None:
        return True
    for reference in wanted if isinstance(wanted, list) else [wanted]:
        kind = reference.get("object") if isinstance(reference, dict) else None
        for one in ("product", "sku", "products_collection"):
            if kind in {None, one} and only in {None, one} and any(equal(x, reference) for x in line_ids(line, one)):
                return True
    return False


def line_ids(line: dict[str, Any], kind: str) -> list[Any]:
    if kind == "products_collection":
        collections = line.get("collections")
        return [found for found in collections if as_id(found) is not None] if isinstance(collections, list) else []
    return [found for found in (line.get(f"{kind}_id"), line.get(kind)) if as_id(found) is not None][:1]


def at(value: Any, path: str) -> Any:
    """Read a dotted path: of the keys that begin it, the longest."""
    if not isinstance(value, dict):
        return None
    beginnings = [key for key in value if key == path or path.startswith(f"{key}.")]
    if path in value:
        return value[path]
    if not beginnings:
        return None
    longest = max(beginnings, key=len)
    return at(value[longest], path[len(longest) + 1 :])


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_id(value: Any) -> Any:
    """What an object goes by; texts and numbers go by themselves."""
    if isinstance(value, dict):
        for name in ("id", "source_id"):
            if isinstance(value.get(name), str) or is_number(value.get(name)):
                return value[name]
        return None
    return value if isinstance(value, str) or is_number(value) else None


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    one, other = as_id(one), as_id(other)
    if one is None or other is None or isinstance(one, str) != isinstance(other, str):
        return False
    return bool(one == other)


def instant(value: Any, zone: tzinfo) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        if DATE.fullmatch(value):
            return datetime.fromisoformat(value).replace(tzinfo=zone).astimezone(UTC)
        if RFC_3339.fullmatch(value):
            return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return None


def operator_holds(operator: str, value: Any, subject: Any, world: World) -> bool:  # noqa: PLR0911  (one return a meaning)
    operator = ALIASES.get(operator, operator)
    values = value if isinstance(value, list) else [value]
    if operator in NEGATIVE:
        return not operator_holds(NEGATIVE[operator], value, subject, world)
    if operator == "$has_value":
        return (subject is not None) is values[0]
    if operator == "$is_unknown":
        return (subject is None) is values[0]
    if operator.startswith("$count"):
        if subject is not None and not isinstance(subject, list):
            return False
        length, wanted = len(subject or []), float(values[0])
        return {"$count": length == wanted, "$count_more": length > wanted, "$count_less": length < wanted}[operator]
    if subject is None:
        return False
    if operator in {"$is", "$in", "$not_differ", "$contains", "$starts_with", "$ends_with"}:
        return list_or_text_holds(operator, values, subject)
    if operator in {"$more_than", "$less_than", "$more_than_or_equal", "$less_than_or_equal"}:
        return comparison_holds(operator, values[0], subject, world)
    moment = instant(subject, world.zone)
    return moment is not None and time_holds(operator, values, moment, world)


def list_or_text_holds(operator: str, values: list[Any], subject: Any) -> bool:  # noqa: PLR0911  (one return a meaning)
    elements = subject if isinstance(subject, list) else [subject]
    if operator in {"$is", "$in"}:
        return any(equal(element, value) for element in elements for value in values)
    if operator == "$not_differ":
        return all(any(equal(element, value) for value in values) for element in elements) and all(
            any(equal(element, value) for element in elements) for value in values
        )
    texts = [value for value in values if isinstance(value, str)]
    if operator == "$contains" and isinstance(subject, list):
        return any(equal(element, value) for element in subject for value in values)
    if not isinstance(subject, str):
        return False
    if operator == "$contains":
        return any(text in subject for text in texts)
    if operator == "$starts_with":
        return any(subject[: len(text)] == text for text in texts)
    return any(subject[len(subject) - len(text) :] == text for text in texts if len(text) <= len(subject))


def comparison_holds(operator: str, value: Any, subject: Any, world: World) -> bool:
    left: Any
    right: Any
    if is_number(value) or NUMERIC.fullmatch(value):
        if not is_number(subject):
            return False
        left, right = subject, value if is_number(value) else float(value)
    else:
        left, right = instant(subject, world.zone), instant(value, world.zone)
        if left is None:
            return False
    return bool(
        {
            "$more_than": left > right,
            "$less_than": left < right,
            "$more_than_or_equal": left >= right,
            "$less_than_or_equal": left <= right,
        }[operator]
    )


def time_holds(operator: str, values: list[Any], moment: datetime, world: World) -> bool:  # noqa: PLR0911  (one return a meaning)
    now = world.now.astimezone(UTC)
    if operator in {"$after", "$before"}:
        limit = instant(values[0], world.zone)
        assert limit is not None
        return moment > limit if operator == "$after" else moment < limit
    if operator.endswith(("_than_ago", "_than_future")):
        days = timedelta(days=float(values[0]))
        return {
            "$more_than_ago": moment < now - days,
            "$less_than_ago": now - days < moment <= now,
            "$more_than_future": moment > now + days,
            "$less_than_future": now <= moment < now + days,
        }[operator]
    if operator.startswith("$timeframe"):
        return timeframe_holds(operator, values[0], moment, world)
    local, today = moment.astimezone(world.zone), now.astimezone(world.zone)
    if operator == "$is_days_ago":
        return local.date() == today.date() - timedelta(days=int(values[0]))
    if operator == "$is_days_in_future":
        return local.date() == today.date() + timedelta(days=int(values[0]))
    if operator == "$dow":
        return str(local.strftime("%w")) in map(str, values)
    if operator == "$today":
        leap_day_moved = (local.month, local.day) == (2, 29) and today.year % 4 != 0
        return (today.month, today.day) == ((2, 28) if leap_day_moved else (local.month, local.day))
    months = (today.month,) if operator == "$this_month" else (today.month + 1, today.month - 11)
    return local.month in months


def timeframe_holds(operator: str, text: str, moment: datetime, world: World) -> bool:
    parts = text.split(";")
    if operator == "$timeframe_absolute":
        start, end = instant(parts[0], world.zone), instant(parts[1], world.zone)
        assert start is not None
        assert end is not None
        return start <= moment < end
    if operator == "$timeframe":
        start = instant(parts[0], world.zone)
        assert start is not None
        seconds = {"P1D": 86400, "P1W": 604800, "PT1H": 3600, "PT12H": 43200, "P1DT30M": 88200}
        passed = (moment - start).total_seconds()
        return passed >= 0 and passed % seconds[parts[1]] < seconds[parts[2]]
    local = moment.astimezone(world.zone)
    clock, weekday = local.strftime("%H:%M"), int(local.strftime("%w"))
    days = [int(day) for day in parts[2].split(",")]
    if parts[0] <= parts[1]:
        return weekday in days and parts[0] <= clock < parts[1]
    return (weekday in days and clock >= parts[0]) or ((weekday + 6) % 7 in days and clock < parts[1])
