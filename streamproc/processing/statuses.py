"""The status of each distribution, as people see it: in the store and topic `distribution-status`."""

from collections.abc import Iterable
from typing import Any

import orjson

from streamproc.domain.configuration import Configuration, InForce
from streamproc.domain.form import ID_LENGTH
from streamproc.domain.judge import Verdict
from streamproc.processing.processor import Store


class Statuses:
    """Writes a distribution's status when it changes; an unchanged one costs a comparison."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def show(self, distribution_ids: Iterable[str], configuration: Configuration) -> None:
        """Show what is in force; nothing in force removes the status. All are made before the first is written."""
        found = [(one, configuration.get("distributions", one)) for one in distribution_ids]
        made = [(one, None if it is None else orjson.dumps(_status(it, configuration))) for one, it in found]
        for distribution_id, status in made:
            if status is None:
                self._remove(distribution_id)
            else:
                self._put(distribution_id, status)

    def show_rejected(self, verdict: Verdict) -> None:
        """Show a rejected record of which there is no version in force; otherwise the last good one stays in view."""
        if verdict.id is None or verdict.in_force_version is not None or not 0 < len(verdict.id) <= ID_LENGTH:
            return
        error = verdict.as_json()["errors"][0]
        problem = f"{error['code']} at {error['path']}: {error['message']}"
        status = {"distribution_id": verdict.id, "version": verdict.version, "state": "rejected", "problem": problem}
        self._put(verdict.id, orjson.dumps(status))

    def _put(self, distribution_id: str, value: bytes) -> None:
        key = distribution_id.encode()
        if self._store.get(key) != value:
            self._store.put(key, value)

    def _remove(self, distribution_id: str) -> None:
        key = distribution_id.encode()
        if self._store.get(key) is not None:
            self._store.delete(key)


def _status(in_force: InForce, configuration: Configuration) -> dict[str, Any]:
    """A live distribution that something blocks is blocked, with the causes as its problem."""
    state = in_force.record["status"]
    status = {"distribution_id": in_force.id, "version": in_force.version, "state": state}
    causes = configuration.blocked(in_force.id) if state == "live" else []
    if causes:
        status |= {"state": "blocked", "problem": "; ".join(causes)}
    return status
