"""The Faust agents: each hands the slices of its topics to the task that owns the partition."""
