"""Broker, database, a made-up shop and sample configuration for development. Never imported by the worker."""
