"""The Faust agents: each hands the slices of its topics to the task that owns the partition.

One for each kind of task, `control`, `customers` and `codes`; what they do is `handover`.
"""
