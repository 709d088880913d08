"""The Faust agents: each hands the chunks of its topics to the task that owns the partition."""
