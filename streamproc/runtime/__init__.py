"""Everything about exactly-once, and nothing about what is decided.

The protocol, in the order in which it happens, and why each step is there:

1.  Faust joins the group and gets an assignment (`transport`). Its own assignor is used, because only that one keeps
    partition p of every topic with the same number of partitions on the same worker: a task needs all of its sources.
2.  Each task that is new here (`tasks`, `task`) starts its own transactional producer (`producer`), whose
    `transactional_id` is made of application, kind and partition. That comes *first*: it ends whatever the former
    owner had open and fences it for ever. Offsets are sent without the group's generation, so the id per task is what
    keeps a worker that lost a partition without knowing it from committing.
3.  Only then the committed offsets are read: before the fence, the former owner could still have moved them.
4.  The stores are restored from their changelogs (`restore`), `read_committed`, until the *position* reaches the end.
    "Last record seen" would wait for ever: transaction markers and compacted records leave offsets without records.
5.  The consumer is moved to the committed offsets, and the task's partitions are let through. Until then, and whenever
    the task's queue is full, they are left out of the fetch, so that one slow task never blocks the agent.
6.  Records arrive as slices: all that one fetch brought for one partition (`transport`). Faust's machinery costs 75 us
    a message; paid once a slice it does not count.
7.  A task takes what waits for it as one chunk, lets its processor decide, and writes everything that follows, the
    changelog records of its stores *and the source offsets* in one transaction (`batches`, `transaction`, `wire`).
    Readers with `read_committed` see all of a chunk or nothing of it. Long work is a row of chunks without records: the
    processor names the time of the next one, and its cursor is in a store. The two kinds take turns while both have
    something to do, and of all tasks only a few have a step in hand at once (`turns`).
8.  What the chunk changed in memory was staged; it is merged when the transaction has committed. An abortable error:
    abort, throw away what was staged and the processor with it, wait a little, do the chunk again.
9.  Anything else (fenced, unknown) ends the process at once, without a commit. A restart does steps 1 to 5. There is no
    path that repairs a live process, so there is none to get wrong.
10. After its commit a slice is acknowledged to Faust, which itself commits nothing: it only waits for what is in
    hand. When partitions are revoked, tasks finish the chunk in hand and drop their queues; a task that comes back to
    the same worker goes on where it was, and if another worker had it in between, its next transaction fails as fenced
    (step 9).

`table` is apart from all this: a reader without a group that follows a compacted topic from its beginning.

Around it: `compiled` and `preflight` say what must hold before anything starts, `host` runs Faust and the readers, the
`gate` holds the first chunk back until the table is complete, `lag` measures, `unread` tells what stands in a topic
behind what was read, and `listener` is whom all of them tell. `fetch_sessions` is how it is fetched; `slices`, of
`records`, are the form of what is fetched, and `chunks` of what is handled; `store` and `disk_store` keep state.
`kafka`, `security`, `offsets`, `patience` and `cancelling` are what several of these need; `process_memory` is how the
process has its memory.
"""
