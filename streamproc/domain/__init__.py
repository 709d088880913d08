"""What the product means: events, customers, distributions, rules, channels, jobs.

Pure: no I/O, no clock, no Kafka. Everything here is a value or a function over values.

* What people push: `distributions`, `validation_rules`, `segments`, `campaigns` and their `channels`, each a `form`;
  `catalogue` (what goes together), `rules`, `templates`, `codes`. The `judge` finds `problems`; `configuration` is what
  is in force, and what blocks it.
* What upstream tells: `inputs`, as `events` (read by their `outline`, the rest when asked for, times as `instants`) and
  `profiles`, and what became of each (`outcomes`). A customer's state is in `customers`, with `orders` (in `columns`,
  explained by `plain_columns`), `loyalty` and `custom_events`; rules read `facts`, `lines` and `attributes` by
  `paths`, no deeper than `depth` allows.
* What goes out: `sending`, by `jobs`, of `fragments`, as `messages`, or by `code_requests`; `publications` come back,
  and `occasions` are what sets something off without an event.
* What takes time: `holds`, `releases` and their `receipts`; `commands` to the `partitions`, `walks` by their reports.
"""
