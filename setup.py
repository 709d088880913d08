"""Compiles the modules of the event path with mypyc; everything else about the package is in pyproject.toml.

The sources stay plain Python: without a C compiler the package is installed as it is, and takes longer for an event.
STREAMPROC_PURE=1 does the same on purpose.
"""

import os
import sys

from setuptools import Extension, setup

# What runs for each event. Of the classes, those are marked of which every event makes some and which are in no cycle:
# the garbage collector need not know of them. Where one goes before the next comes, the next one takes its memory.
EVENT_PATH = (
    "streamproc/domain/attributes.py",
    "streamproc/domain/custom_events.py",
    "streamproc/domain/customers.py",
    "streamproc/domain/depth.py",
    "streamproc/domain/events.py",
    "streamproc/domain/facts.py",
    "streamproc/domain/inputs.py",
    "streamproc/domain/jobs.py",
    "streamproc/domain/lines.py",
    "streamproc/domain/loyalty.py",
    "streamproc/domain/orders.py",
    "streamproc/domain/outcomes.py",
    "streamproc/domain/paths.py",
    "streamproc/domain/profiles.py",
    "streamproc/domain/sending.py",
    "streamproc/domain/templates.py",
    "streamproc/domain/rules/conditions.py",
    "streamproc/domain/rules/filters.py",
    "streamproc/domain/rules/leaves.py",
    "streamproc/domain/rules/operators.py",
    "streamproc/domain/rules/order_lines.py",
    "streamproc/domain/rules/references.py",
    "streamproc/domain/rules/times.py",
    "streamproc/domain/rules/values.py",
    "streamproc/matching/definitions.py",
    "streamproc/matching/distributions.py",
    "streamproc/matching/groups.py",
    "streamproc/matching/index.py",
    "streamproc/matching/segments.py",
    "streamproc/matching/selectors.py",
    "streamproc/matching/tables.py",
    "streamproc/processing/customer_chunk.py",
    "streamproc/processing/customer_states.py",
    "streamproc/processing/customers.py",
    "streamproc/processing/duplicates.py",
    "streamproc/processing/memberships.py",
    "streamproc/processing/outgoing.py",
    "streamproc/processing/updates.py",
    "streamproc/runtime/store.py",
)

WRITTEN_IN_C = (
    ("domain._columns", "streamproc/domain/_columns.c"),
    ("domain._fragments", "streamproc/domain/_fragments.c"),
    ("domain._instants", "streamproc/domain/_instants.c"),
    ("domain._messages", "streamproc/domain/_messages.c"),
    ("domain._outline", "streamproc/domain/_outline.c"),
    ("runtime._batches", "streamproc/runtime/_batches.c"),
    ("runtime._records", "streamproc/runtime/_records.c"),
)

HEADERS = ("streamproc/domain/_plain_time.h", "streamproc/runtime/_batch.h")


def compiled() -> list[Extension]:
    """Return the extension modules; one that cannot be built is left out."""
    if os.environ.get("STREAMPROC_PURE"):
        return []
    from mypyc.build import mypycify  # noqa: PLC0415  (not needed without it)

    options = ["--config-file=", "--ignore-missing-imports"]
    modules: list[Extension] = mypycify([*options, *EVENT_PATH], opt_level="3", group_name="streamproc.event_path")
    if sys.platform == "linux":
        for module in modules:
            # Calls among the modules need not go through the table of what another library might replace.
            module.extra_compile_args += ["-fvisibility=hidden", "-fno-semantic-interposition"]
    modules += [
        Extension(f"streamproc.{name}", [source], depends=list(HEADERS), extra_compile_args=["-O3"])
        for name, source in WRITTEN_IN_C
    ]
    for module in modules:
        module.optional = True
        # Python's own flags ask for debug information, which takes a sixth of the time.
        module.extra_compile_args += ["-g0"]
    return modules


setup(ext_modules=compiled())
