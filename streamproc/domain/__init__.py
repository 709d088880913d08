"""What the product means: events, customers, distributions, rules, channels, jobs.

Pure: no I/O, no clock, no Kafka. Everything here is a value or a function over values.
"""
