# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the chosen runs, each with its complete list of nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.endpoints import Endpoint, nodes_of
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import (
    NotFoundError,
    PermissionDenied,
    RequestError,
    ResponseError,
    SelectionError,
    ServerError,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.discovery import Discovery, Read
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row, text

if TYPE_CHECKING:
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.client import Client
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.transport import Deadline

# Errors that may be specific to one run.
_OF_ONE_RUN = (NotFoundError, PermissionDenied, ResponseError, ServerError)

# Runs may be deleted and created during a reading.
_MOST_READINGS = 5


class Reader:
    """Reads the chosen runs, any number of times."""

    def __init__(self, client: Client, discovery: Discovery) -> None:
        self._client = client
        self._discovery = discovery

    def read(self, deadline: Deadline) -> list[RunRows]:
        """Return the chosen runs, with the rows of their nodes, in the order of project and number.

        :raises SelectionError: a project or run does not exist, or several projects have the name
        :raises RequestError: a list cannot be read, or not be proven complete
        """

        def read_lists(endpoints: Sequence[Endpoint]) -> list[list[Row]]:
            return self._client.read(endpoints, deadline)

        runs: Sequence[Run] = self._discovery.find(read_lists)
        for _attempt in range(_MOST_READINGS):
            try:
                return _read_nodes(runs, read_lists)
            except NotFoundError as error:
                runs = self._explained(error, runs, read_lists)
        return _read_nodes(runs, read_lists)

    def _explained(self, error: NotFoundError, tried: Sequence[Run], read_lists: Read) -> Sequence[Run]:
        """Return other runs that the user may mean: what looks like an ID may be a name, or a run was just deleted.

        :param error: the service's response to the nodes of a run
        :param tried: the runs of that reading
        :raises SelectionError: a project or run does not exist; the message lists the available ones
        :raises NotFoundError: the same runs are chosen again, or the lists cannot be read
        """
        try:
            meant = self._discovery.explain(read_lists)
        except SelectionError as reason:
            raise SelectionError(f"{reason} (The service's response to {error.where}: {error.problem})") from None
        except RequestError:
            raise error from None
        if {run.key for run in meant} == {run.key for run in tried}:
            raise error
        return meant


def _read_nodes(runs: Sequence[Run], read_lists: Read) -> list[RunRows]:
    try:
        lists = read_lists([nodes_of(run.project_id, run.name, run.project_title) for run in runs])
    except _OF_ONE_RUN as error:
        if len(runs) > 1:
            error.note = f"{error.note} To exclude this run, list the other runs in 'run', or choose another 'project'.".lstrip()
        raise
    return [RunRows(_with_project_name(run, rows), rows) for run, rows in zip(runs, lists)]


def _with_project_name(run: Run, rows: Sequence[Row]) -> Run:
    """Add the name of the project from the nodes of a run that was found without the lists of projects and runs."""
    names = Counter(filter(None, (text(row.get("projectName")) for row in rows)))
    most_common = max(sorted(names), key=names.__getitem__, default=None)  # so that one odd row does not rename the others
    return replace(run, project_name=run.project_name or most_common)
