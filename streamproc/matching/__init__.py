"""Definitions compiled and indexed, so that an event meets only those that can match."""
