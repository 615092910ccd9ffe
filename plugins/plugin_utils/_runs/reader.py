# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the chosen runs, each with its complete list of nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.endpoints import Endpoint, nodes_of
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import (
    OWN_CODE,
    NotFoundError,
    PermissionDenied,
    RequestError,
    ResponseError,
    SelectionError,
    ServerError,
    StatusError,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.discovery import Discovery, Read
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.state import Phase, phase
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row, readable, text

if TYPE_CHECKING:
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.client import Client
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.transport import Deadline
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import Selection

# Errors that may be specific to one run.
_OF_ONE_RUN = (NotFoundError, PermissionDenied, ResponseError, ServerError)

# The responses to an empty list of nodes (inferred).
NO_SUCH_LIST = frozenset({400, 404, 406})

# The responses to a run that does not exist (inferred). Some services refuse what does not exist as what is not allowed.
NO_SUCH_RUN = NO_SUCH_LIST | {OWN_CODE, 403}

_TRY_AGAIN = "Try again. If the error persists, report this message as an issue."

# Runs may be deleted and created during a reading.
_MOST_READINGS = 5


class Reader:
    """Reads the chosen runs, any number of times.

    :param warning: prints a warning
    """

    def __init__(self, client: Client, selection: Selection, warning: Callable[[str], object] = str) -> None:
        self._client = client
        self._discovery = Discovery(selection, warning)

    @property
    def available(self) -> str:
        """The available runs for a message, if the last reading found no chosen run. Otherwise, it is empty."""
        return self._discovery.available

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
            except StatusError as error:
                if error.status not in NO_SUCH_RUN:
                    raise
                meant = self._explained(error, read_lists)
                if {run.key for run in meant} == {run.key for run in runs}:
                    if isinstance(error, PermissionDenied):
                        raise
                    return _read_one_by_one(meant, read_lists)
                runs = meant
        return _read_nodes(runs, read_lists)

    def _explained(self, error: StatusError, read_lists: Read) -> Sequence[Run]:
        """Return the runs that the user may mean: what looks like an ID may be a name, or a run was just deleted.

        :param error: the service's response to the nodes of a run
        :raises SelectionError: a project or run does not exist; the message lists the available ones
        :raises StatusError: the lists cannot be read
        """
        try:
            return self._discovery.explain(read_lists)
        except SelectionError as reason:
            raise SelectionError(f"{reason} (The service's response to {error.where}: {error.problem})") from None
        except RequestError:
            raise error from None


def _read_one_by_one(runs: Sequence[Run], read_lists: Read) -> list[RunRows]:
    """Read the nodes of runs that the service lists, where it has refused the nodes of one of them.

    A run that has just begun or has ended, by its status, may have no nodes, and an empty list may be a refusal (inferred). An
    error of the service's own may as well be a failure, which must never hide nodes.

    :raises RequestError: the nodes of another run are refused, or a list could not be read
    """
    found = []
    for run in runs:
        try:
            found += _read_nodes([run], read_lists)
        except StatusError as error:
            if error.status not in NO_SUCH_LIST | {OWN_CODE}:
                raise
            if error.status == OWN_CODE or phase(run.status) not in (Phase.BEGINNING, Phase.ENDED):
                # Its nodes may still come, so this does not end the waiting.
                advice = f"The service lists this run ({readable(run.status or 'no status')}), but not its nodes. {_TRY_AGAIN}"
                raise _with_hint(ResponseError(error.what, error.where, error.problem, advice), runs) from None
            found.append(RunRows(run, []))
    return found


def _read_nodes(runs: Sequence[Run], read_lists: Read) -> list[RunRows]:
    try:
        lists = read_lists([nodes_of(run.project_id, run.name, run.project_title) for run in runs])
    except _OF_ONE_RUN as error:
        raise _with_hint(error, runs) from None
    return [RunRows(_with_project_name(run, rows), rows) for run, rows in zip(runs, lists)]


def _with_hint(error: RequestError, runs: Sequence[Run]) -> RequestError:
    """Return an error on one run, with how to leave that run out where there are others."""
    if len(runs) > 1:
        error.note = f"{error.note} To exclude this run, list the other runs in 'run', or choose another 'project'.".lstrip()
    return error


def _with_project_name(run: Run, rows: Sequence[Row]) -> Run:
    """Add the name of the project from the nodes of a run that was found without the lists of projects and runs."""
    names = Counter(filter(None, (text(row.get("projectName")) for row in rows)))
    most_common = max(sorted(names), key=names.__getitem__, default=None)  # so that one odd row does not rename the others
    return run._replace(project_name=run.project_name or most_common)
