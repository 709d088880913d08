"""The processors: everything that decides, behind one seam (`processor`).

A processor gets records, stores and tables, and returns an output. The runtime's task, `simulate` and the
tests are its hosts; what is true in one host is true in all.

* The customer task: `customers`. A chunk of records is a `customer_chunk` (with `customer_states`, `duplicates`,
  `memberships`, `outgoing`), a step of long work a `customer_step`. `scans` says which work is next: `updates` (brought
  by `bringing`, of `segments_in_force` and `days`), `sends` (by a `send_walk` and its `sender`) or `counts`.
* The control task: `control`, one record or hold at a time, as `changes`. `judging` decides what is in force,
  `segment_syncs`, `manual` and `backfills` what is under way (through `orders`), `statuses` what people see.
  `read_marks` know what was read before, `hearing` what has to be read before a release.
* The code task: `codes`, with `waiting_requests`.
* All of them: `dead_letters`.
"""
