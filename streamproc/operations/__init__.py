"""What operators see: metrics, health and the words for both."""
