"""Broker, database, a made-up shop and sample configuration for development. Never imported by the worker.

* Servers: `kafka` (of the `jars`, with its `broker_properties` and `class_archive`) and `postgres`, each a `server`
  with `processes`, `addresses` and a folder in the `cache`; `state` are those that outlive their command.
* The demo: `playing` puts the records of the `shop` into topics, `sample` is the configuration. What has to come out is
  counted apart from what decides: `recount`, with `expectations` and `naive_customers`.
"""
