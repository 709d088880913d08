"""What operators see and keep: metrics, health, the pages with both, logs, and the topics."""
