"""Definitions compiled and indexed, so that an event meets only those that can match.

Reading order: `definitions` (what is in force, kept true record by record), `selectors` (under which keys an event
looks), `index` and its `tables` (which rules it then meets), `groups` (what shares a rule), `distributions` (what is
sent). `segments` are those whose members are found here; a change of a customer meets them in the same way.
"""
