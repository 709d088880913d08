"""Turns customer activity into delivery jobs, each exactly once.

A newcomer follows one event, in this order:

1. `agents`      where a fetched slice of records enters,
2. `runtime`     which makes a chunk of it for the task that owns the partition,
3. `processing`  bytes to values, customer state, then the decision,
4. `matching`    which definitions this event can start,
5. `domain`      rules, actions, channels, the job and its id,
6. `runtime`     again: everything that follows, in one Kafka transaction.

Nothing calls back up. `app` puts the parts together, `cli` is how people use them. Beside the way of an event stand
`codes` (unique codes in their database), `operations` (metrics, health, topics) and `local` (for development). Each
package's docstring leads through its modules.
"""
