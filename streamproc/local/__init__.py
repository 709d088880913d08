"""Broker and sample data for development. Never imported by the worker."""
