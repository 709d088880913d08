"""What operators see and keep: metrics, health, the pages with both, logs, and the topics.

`watch` hears what the runtime tells and keeps `metrics` and `health` true, `web` serves them. `logs` sets up logging,
`topic_admin` makes and checks the topics.
"""
