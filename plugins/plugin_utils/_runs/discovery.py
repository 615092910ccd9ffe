# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runs that are meant: what the user chose, held against what the service knows."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.endpoints import PROJECTS, RUNS, Endpoint
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import SelectionError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import ACTIVE, ALL, KEYWORDS, LATEST, Selection
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.state import Phase, phase
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row, readable, shortened, text

_DELETED = ("DELETING", "DELETED")

Read = Callable[[Sequence[Endpoint]], "list[list[Row]]"]


@dataclass(frozen=True)
class Project:
    """A project that the keys can see; its name is empty where the service gives none.

    :param is_deleted: it is gone, or about to go (statuses: documented)
    """

    id: str
    name: str
    is_deleted: bool = False


def find_runs(selection: Selection, read: Read, no_run: Callable[[str], object]) -> list[Run]:
    """Return the runs that are meant, with as few requests as that takes.

    :param read: reads whole lists of the API
    :param no_run: given the available runs in words, where none is meant
    :raises SelectionError: a project or run does not exist, or a name means several
    :raises RequestError: a list could not be read
    """
    if not selection.needs_projects and not selection.needs_runs:
        return _in_order(Run(str(selection.project), name) for name in selection.names)
    projects, runs = _look_up(read, projects=selection.needs_projects, runs=selection.needs_runs)
    if projects is None and selection.project is not None and not _runs_of(selection.project, runs):
        # It has no run yet, or it does not exist, or what looks like an ID is a name.
        projects, _none = _look_up(read, projects=True, runs=False)
    return choose(selection, projects, runs, no_run)


def explain(selection: Selection, read: Read, no_run: Callable[[str], object]) -> list[Run]:
    """Look up everything, after the service did not find what was asked for, and return the runs that are meant.

    :param no_run: given the available runs in words, where none is meant
    :raises SelectionError: what is missing, and what there is
    :raises RequestError: a list could not be read
    """
    return choose(selection, *_look_up(read, projects=True, runs=True), no_run)


def choose(
    selection: Selection, projects: Sequence[Project] | None, runs: Sequence[Run] | None, no_run: Callable[[str], object]
) -> list[Run]:
    """Return the runs that are meant, in the order of project and number; none where a keyword fits no run.

    :param projects: all that the keys can see; None when they were not looked up
    :param runs: all runs of all projects; None when they were not looked up
    :param no_run: given the available runs in words, where none is meant
    :raises SelectionError: a project or run does not exist, or a name means several
    """
    project, name = selection.project, None
    if project is not None and projects is not None:
        found = _find_project(project, projects)
        project, name = found.id, found.name or None
        if runs is None:
            return _in_order(Run(project, run, name) for run in selection.names)
    mine = [replace(run, project_name=run.project_name or name) for run in _runs_of(project, runs)]
    for wanted in selection.names:
        if wanted not in (run.name for run in mine):
            raise _no_such_run(wanted, name or project, mine)
    newest = _newest(mine)
    chosen = [
        run
        for run in mine
        if run.name in selection.names
        or ALL in selection.runs
        or (ACTIVE in selection.runs and phase(run.status) is not Phase.ENDED)
        or (LATEST in selection.runs and run is newest[run.project_id])
    ]
    if not chosen:
        known = (f"{readable(run.name)} {_of_run(run, name_project=True)}" for run in reversed(_in_order(mine)))
        no_run(f"Available runs: {shortened(known) or 'none'}.")
    return _in_order(chosen)


def _look_up(read: Read, *, projects: bool, runs: bool) -> tuple[list[Project] | None, list[Run] | None]:
    lists = iter(read([endpoint for endpoint, wanted in ((PROJECTS, projects), (RUNS, runs)) if wanted]))
    return (
        [_project(row) for row in next(lists)] if projects else None,
        [_run(row) for row in next(lists)] if runs else None,
    )


def _project(row: Row) -> Project:
    return Project(str(text(row["projectId"])), text(row.get("projectName")) or "", row.get("status") in _DELETED)


def _run(row: Row) -> Run:
    project_name, status = text(row.get("projectName")), text(row.get("status"))
    return Run(str(text(row["projectId"])), str(text(row["runName"])), project_name, status)


def _runs_of(project: str | None, runs: Sequence[Run] | None) -> list[Run]:
    return [run for run in runs or () if project in (None, run.project_id)]


def _in_order(runs: Iterable[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: (run.project_title, run.project_id, run.number, run.name))


def _newest(runs: Sequence[Run]) -> dict[str, Run]:
    """Return the run with the highest number of each project; a name that is no number comes before all numbers."""
    return {
        run.project_id: run for run in sorted(_in_order(runs), key=lambda run: run.number if math.isfinite(run.number) else -1)
    }


def _find_project(wanted: str, projects: Sequence[Project]) -> Project:
    by_id = [project for project in projects if project.id == wanted]
    named = [project for project in projects if project.name == wanted]
    by_name = [project for project in named if not project.is_deleted] or named
    if len(by_name) > 1 and not by_id:
        ids = ", ".join(sorted(readable(project.id) for project in by_name))
        raise SelectionError(f"Several projects bear the name {wanted!r}. Give the ID of one of them as project: {ids}.")
    if not by_id and not by_name:
        known = [(project.name or "(no name)", f"({readable(project.id)})") for project in projects]
        raise SelectionError(
            f"There is no project {readable(repr(wanted))} that these keys can see."
            f" {_listed('Those that they can see', wanted, sorted(known))}"
        )
    return (by_id or by_name)[0]


def _no_such_run(name: str, project: str | None, runs: Sequence[Run]) -> SelectionError:
    known = [(run.name, _of_run(run, name_project=not project)) for run in _in_order(runs)]
    where = f" in project {readable(project)}" if project else ""
    hint = "".join(f" Did you mean {word}?" for word in difflib.get_close_matches(name.lower(), sorted(KEYWORDS), n=1))
    return SelectionError(f"There is no run {readable(repr(name))}{where}.{hint} {_listed('The runs are', name, known)}")


def _of_run(run: Run, *, name_project: bool) -> str:
    """Return what stands behind a run's name in a message."""
    project = f"of {readable(run.project_title)} " if name_project else ""
    return f"{project}({readable(run.status or 'no status')})"


def _listed(title: str, wanted: str, known: Sequence[tuple[str, str]]) -> str:
    """Name what there is, each by its name and what else to say of it, the nearest name first."""
    if not known:
        return f"{title}: none."
    named = [(readable(name), said) for name, said in known]
    nearest = sorted(named, key=lambda pair: -difflib.SequenceMatcher(None, wanted, pair[0]).ratio())
    return f"{title}: {shortened(f'{name} {said}' for name, said in nearest)}."
