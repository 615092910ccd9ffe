# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repeated readings: of the chosen runs together, and of each run that was chosen before on its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.endpoints import nodes_of
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.transport import Deadline
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import SelectionError, StatusError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.changes import KnownRun, KnownRuns, Reading
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.reader import NO_SUCH_LIST, NO_SUCH_RUN, Reader
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunKey, RunRows

if TYPE_CHECKING:
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.client import Client
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import Selection
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row


class Follower:
    """Reads the chosen runs repeatedly.

    :param seconds: the time limit of one reading
    """

    def __init__(self, client: Client, selection: Selection, seconds: float) -> None:
        self._client = client
        self._selection = selection
        self._reader = Reader(client, selection)
        self._seconds = seconds

    def read(self, known: KnownRuns) -> Reading:
        """Return one complete reading.

        :param known: the runs of the readings so far; empty before the first reading
        :raises SelectionError: a project or run does not exist, and no known run was deleted
        :raises RequestError: a list cannot be read, or not be proven complete
        """
        deadline = Deadline(self._seconds)
        going_on = {key: old.run for key, old in known.items() if not old.has_ended}
        alone: dict[RunKey, RunRows | None] = {}
        try:
            chosen = self._reader.read(deadline)
        except SelectionError:
            # A run that was chosen by name, or its project, may have been deleted.
            alone = {key: self._alone(run, deadline) for key, run in going_on.items()}
            lost = {run.name for key, run in going_on.items() if alone[key] is None}
            if not lost:
                raise
            chosen = self._rest(lost, deadline)
        chosen = [self._with_status(found, known.get(found.run.key), deadline) for found in chosen]
        keys = {found.run.key for found in chosen}
        alone |= {key: self._alone(run, deadline) for key, run in going_on.items() if key not in keys and key not in alone}
        left = {key: found for key, found in alone.items() if key not in keys}
        return Reading(
            runs=[*chosen, *(found for found in left.values() if found)],
            not_chosen=frozenset(left),
            lost=frozenset(key for key, found in left.items() if found is None),
        )

    def _rest(self, lost: set[str], deadline: Deadline) -> list[RunRows]:
        """Read the chosen runs without those that were deleted, and no longer request these."""
        rest = tuple(name for name in self._selection.runs if name not in lost)
        if not rest or len(rest) == len(self._selection.runs):
            return []
        self._selection = self._selection._replace(runs=rest)
        self._reader = Reader(self._client, self._selection)
        return self._reader.read(deadline)

    def _alone(self, run: Run, deadline: Deadline) -> RunRows | None:
        """Return a run that is no longer chosen, with its status; None if it was deleted."""
        is_there, status = self._client.find_run(run.project_id, run.name, deadline)
        try:
            (rows,) = self._client.read([nodes_of(run.project_id, run.name, run.project_title)], deadline)
        except StatusError as error:
            if error.status not in (NO_SUCH_LIST if is_there else NO_SUCH_RUN):
                raise
            rows = []
        return RunRows(run._replace(status=status), rows) if is_there or rows else None

    def _with_status(self, found: RunRows, before: KnownRun | None, deadline: Deadline) -> RunRows:
        """Add the status of a run that was found without the list of runs, unless nothing has changed in the run."""
        if found.run.status or _goes_on(found.rows, before):
            return found
        return found._replace(run=found.run._replace(status=self._client.status(found.run.project_id, found.run.name, deadline)))


def _goes_on(rows: Sequence[Row], before: KnownRun | None) -> bool:
    """Return whether all nodes are ready, and none has changed."""
    if before is None or len(rows) != len(before.nodes):
        return False
    known = {seen.node.id: seen.node.row for seen in before.nodes.values() if seen.ready and not seen.is_missing}
    return all(known.get(str(row["nodeId"])) == row for row in rows)
