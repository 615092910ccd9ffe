# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the chosen runs in the lists of the service, and read the complete list of nodes of each."""

from __future__ import annotations

import difflib
import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.endpoints import PROJECTS, RUNS, Endpoint, nodes_of
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
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import ACTIVE, ALL, KEYWORDS, LATEST, Selection
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.state import Phase, state_name
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row, did_you_mean, readable, shortened, text

if TYPE_CHECKING:
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.client import Client
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.transport import Deadline

# Errors that may be specific to one run.
_OF_ONE_RUN = (NotFoundError, PermissionDenied, ResponseError, ServerError)

# The responses to an empty list of nodes (inferred).
NO_SUCH_LIST = frozenset({400, 404, 406})

# The responses to a run that does not exist (inferred). Some services refuse what does not exist as what is not allowed.
NO_SUCH_RUN = NO_SUCH_LIST | {OWN_CODE, 403}

_TRY_AGAIN = "Try again. If the error persists, report this message as an issue."

# Runs may be deleted and created during a reading.
_MOST_READINGS = 5

# The statuses of a project that is deleted or being deleted (documented).
_DELETED = ("deleting", "deleted")

# Returns the rows of each list, in the order of the endpoints.
ReadLists = Callable[[Sequence[Endpoint]], "list[list[Row]]"]


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

    def _explained(self, error: StatusError, read_lists: ReadLists) -> Sequence[Run]:
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


def _read_one_by_one(runs: Sequence[Run], read_lists: ReadLists) -> list[RunRows]:
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
            if error.status == OWN_CODE or run.phase not in (Phase.BEGINNING, Phase.ENDED):
                # Its nodes may still come, so this does not end the waiting.
                advice = f"The service lists this run ({readable(run.status or 'no status')}), but not its nodes. {_TRY_AGAIN}"
                raise _with_hint(ResponseError(error.what, error.where, error.problem, advice), runs) from None
            found.append(RunRows(run, []))
    return found


def _read_nodes(runs: Sequence[Run], read_lists: ReadLists) -> list[RunRows]:
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


class Project(NamedTuple):
    """A project that the keys can see.

    :param name: empty if the service sends none
    :param is_deleted: whether the project is deleted or being deleted (statuses: documented)
    """

    id: str
    name: str
    is_deleted: bool = False


class Discovery:
    """Finds the chosen runs for each reading. Runs that were found by name are not looked up again.

    ``available`` lists the available runs for a message if no run is chosen. Otherwise, it is empty.

    :param warning: prints a warning
    """

    def __init__(self, selection: Selection, warning: Callable[[str], object] = str) -> None:
        self.available = ""
        self._selection = selection
        self._warning = warning
        self._projects: list[Project] | None = None
        self._runs: list[Run] | None = None

    def find(self, read_lists: ReadLists) -> list[Run]:
        """Return the chosen runs, with as few requests as possible.

        :param read_lists: reads complete lists of the API
        :raises SelectionError: a project or run does not exist, or several projects have the name
        :raises RequestError: a list cannot be read
        """
        selection, projects = self._selection, self._projects
        if self._runs is not None:
            return self._runs
        if projects is None and not selection.needs_projects and not selection.needs_runs:
            return _in_order(Run(project, name) for project in selection.projects for name in selection.names)
        projects, runs = _lists(
            read_lists, known=projects, projects=projects is None and selection.needs_projects, runs=selection.needs_runs
        )
        if projects is None and not {run.project_id for run in runs or ()}.issuperset(selection.projects):
            # A project has no run yet, or does not exist, or what looks like an ID is a name.
            projects, _none = _lists(read_lists, projects=True, runs=False)
        return self._choose(projects, runs)

    def explain(self, read_lists: ReadLists) -> list[Run]:
        """Read the lists of all projects and runs after the service did not find a run, and return the chosen runs.

        :param read_lists: reads complete lists of the API
        :raises SelectionError: a project or run does not exist; the message lists the available ones
        :raises RequestError: a list cannot be read
        """
        self._projects = self._runs = None
        return self._choose(*_lists(read_lists, projects=True, runs=True))

    def _choose(self, projects: list[Project] | None, runs: list[Run] | None) -> list[Run]:
        """Return the chosen runs, and remember those that were found by name.

        :param projects: all projects that the keys can see; None if their list was not read
        :param runs: all runs of all projects; None if their list was not read
        """
        chosen = self._chosen(projects, runs)
        self._projects = projects
        if not self._selection.has_keywords:  # their status may change after this reading
            self._runs = [run._replace(status=None) for run in chosen]
        return chosen

    def _chosen(self, projects: list[Project] | None, runs: list[Run] | None) -> list[Run]:
        """Return the chosen runs in the order of project and number. There are none if no run matches the keywords."""
        selection = self._selection
        wanted = [
            Project(project, "") if projects is None else _find_project(project, projects) for project in selection.projects
        ]
        names = {project.id: project.name or None for project in wanted}
        if runs is None:
            return _in_order(Run(project, run, name) for project, name in names.items() for run in selection.names)
        mine = [
            run._replace(project_name=run.project_name or names.get(run.project_id))
            for run in runs
            if not names or run.project_id in names
        ]
        self._check_names(names, mine)
        newest = _newest(mine)
        chosen = [
            run
            for run in mine
            if run.name in selection.names
            or ALL in selection.runs
            or (ACTIVE in selection.runs and run.phase is not Phase.ENDED)
            or (LATEST in selection.runs and run is newest[run.project_id])
        ]
        self.available = ""
        if not chosen:
            available = (run.description for run in reversed(_in_order(mine)))
            self.available = f"Available runs: {shortened(available) or 'none'}."
        return _in_order(chosen)

    def _check_names(self, projects: Mapping[str, str | None], runs: Sequence[Run]) -> None:
        """Warn of projects that lack a run that was chosen by name.

        :raises SelectionError: no project has the run
        """
        titles = [readable(name or project) for project, name in projects.items()]
        for name in self._selection.names:
            has_it = {run.project_id for run in runs if run.name == name}
            if not has_it:
                raise _no_such_run(name, titles, runs)
            lacking = [title for project, title in zip(projects, titles) if project not in has_it]
            if lacking:
                self._warning(f"Run {readable(repr(name))} was not found in these projects: {shortened(lacking)}.")


def _lists(
    read_lists: ReadLists, *, projects: bool, runs: bool, known: list[Project] | None = None
) -> tuple[list[Project] | None, list[Run] | None]:
    lists = iter(read_lists([endpoint for endpoint, wanted in ((PROJECTS, projects), (RUNS, runs)) if wanted]))
    return (
        [_project(row) for row in next(lists)] if projects else known,
        [_run(row) for row in next(lists)] if runs else None,
    )


def _project(row: Row) -> Project:
    return Project(
        str(text(row["projectId"])), text(row.get("projectName")) or "", state_name(text(row.get("status"))) in _DELETED
    )


def _run(row: Row) -> Run:
    project_name, status = text(row.get("projectName")), text(row.get("status"))
    return Run(str(text(row["projectId"])), str(text(row["runName"])), project_name, status)


def _in_order(runs: Iterable[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: run.place)


def _newest(runs: Sequence[Run]) -> dict[str, Run]:
    """Return the run with the highest number for each project ID. A name that is not a number comes before all numbers."""
    return {
        run.project_id: run for run in sorted(_in_order(runs), key=lambda run: run.number if math.isfinite(run.number) else -1)
    }


def _find_project(wanted: str, projects: Sequence[Project]) -> Project:
    by_id = [project for project in projects if project.id == wanted]
    named = [project for project in projects if _normal(project.name) == _normal(wanted)]
    by_name = [project for project in named if not project.is_deleted] or named
    if len(by_name) > 1 and not by_id:
        ids = ", ".join(sorted(readable(project.id) for project in by_name))
        raise SelectionError(f"Several projects have the name {wanted!r}. Use the ID of one of them in 'project': {ids}.")
    if not by_id and not by_name:
        known = [(project.name or "(no name)", f"({readable(project.id)})") for project in projects]
        hint = did_you_mean(wanted, [project.name for project in projects])
        raise SelectionError(
            f"Project {readable(repr(wanted))} was not found.{hint} {_listed('Available projects', wanted, sorted(known))}"
        )
    return (by_id or by_name)[0]


def _normal(name: str) -> str:
    """Return a name in the form for comparisons (NFC), because a letter with an accent may be one character or two."""
    return unicodedata.normalize("NFC", name)


def _no_such_run(name: str, projects: Sequence[str], runs: Sequence[Run]) -> SelectionError:
    known = [(run.name, _of_run(run, name_project=len(projects) != 1)) for run in _in_order(runs)]
    where = f" in project {shortened(projects)}" if len(projects) == 1 else f" in projects {shortened(projects)}"
    hint = did_you_mean(name.lower(), sorted(KEYWORDS))
    return SelectionError(
        f"Run {readable(repr(name))} was not found{where if projects else ''}.{hint} {_listed('Available runs', name, known)}"
    )


def _of_run(run: Run, *, name_project: bool) -> str:
    """Return the words after the name of a run in a message: its project if wanted, and its status."""
    project = f"of {readable(run.project_title)} " if name_project else ""
    return f"{project}({readable(run.status or 'no status')})"


def _listed(title: str, wanted: str, known: Sequence[tuple[str, str]]) -> str:
    """Return the available names with their details for a message, the one most similar to the wanted name first."""
    if not known:
        return f"{title}: none."
    named = [(readable(name), detail) for name, detail in known]
    nearest = sorted(named, key=lambda pair: -difflib.SequenceMatcher(None, wanted, pair[0]).ratio())
    return f"{title}: {shortened(f'{name} {detail}' for name, detail in nearest)}."
