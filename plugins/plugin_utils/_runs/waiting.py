# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting until the nodes of all chosen runs are ready: when it is over, when it is in vain, and what to say meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import (
    AuthenticationError,
    CertificateError,
    NotFoundError,
    PermissionDenied,
    QuotaError,
    RequestError,
    WaitError,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.node import Node, nodes_of_run
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import COMPLETED, IN_PROGRESS, Run, RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import readable, shortened, text

# Faults that do not pass while one waits.
_LASTING = (AuthenticationError, CertificateError, NotFoundError, PermissionDenied, QuotaError)


@dataclass(frozen=True)
class Patience:
    """How long to wait, and for what.

    :param timeout: seconds of waiting, 0 for none
    :param interval: seconds between two readings
    :param nodes: how many ready nodes each run must have; None means all that it has, and at least one
    """

    timeout: int
    interval: float
    nodes: int | None


def wait(
    read: Callable[[], list[RunRows]],
    status_of: Callable[[Run], str | None],
    patience: Patience,
    *,
    tell: Callable[[str], object],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[RunRows]:
    """Read again and again until the nodes are ready, and return what was read last.

    :param read: one whole reading; a fault that may pass does not end the waiting
    :param status_of: asks for the status of a run, where the reading does not know it
    :param tell: told how far it is, whenever that changes
    :raises WaitError: the time is over, or a node or run has ended and will not become ready
    :raises RequestError: a fault that does not pass, or one that is still there when the time is over
    """
    end = clock() + patience.timeout
    told = None
    watch = _Watch(patience.nodes)
    while True:
        over = clock() >= end  # this reading is the last
        try:
            runs = read()
        except RequestError as error:
            if over or isinstance(error, _LASTING):
                raise
            progress = f"{error} Still waiting."
        else:
            unready = watch.look(runs, status_of)
            if runs and not unready:
                return runs
            progress = "; ".join(map(str, unready)) or "no run fits yet"
            if over:
                raise WaitError(
                    f"Waited {patience.timeout} s (wait_timeout) in vain: {progress}."
                    " Look at the run in the console, or raise wait_timeout."
                )
        if progress != told:
            tell(progress)
            told = progress
        sleep(min(patience.interval, max(0.0, end - clock())))


def are_ready(runs: Sequence[RunRows], patience: Patience) -> bool:
    """Say whether there is nothing to wait for."""
    return bool(runs) and all(RunState(found, patience.nodes).satisfied for found in runs)


class _Watch:
    """Remembers the runs that are waited for, from one reading to the next: one that drops out is not forgotten."""

    def __init__(self, wanted: int | None) -> None:
        self._wanted = wanted
        self._seen: set[tuple[str, str]] = set()
        self._unready: dict[tuple[str, str], RunState] = {}

    def look(self, runs: Sequence[RunRows], status_of: Callable[[Run], str | None]) -> list[RunState]:
        """Return the runs that are not ready yet, those that are missing by now among them.

        :raises WaitError: one of them will not become ready
        """
        states = {(found.run.project_id, found.run.name): RunState(found, self._wanted) for found in runs}
        begun = [found.run for found in runs if (found.run.project_id, found.run.name) not in self._seen]
        missing = {
            key: state for key, state in self._unready.items() if key not in states and not state.is_replaced_by_one_of(begun)
        }
        for state in missing.values():
            state.check_missing(status_of)
        unready = {key: state for key, state in states.items() if not state.satisfied}
        for state in unready.values():
            state.check_hope(status_of)
        self._seen |= states.keys()
        self._unready = unready | missing
        return list(self._unready.values())


class RunState:
    """How far one run is."""

    def __init__(self, found: RunRows, wanted: int | None) -> None:
        self._run = found.run
        self._nodes = nodes_of_run(found.rows, found.run)
        self._ready = sum(node.ready for node in self._nodes)
        self._needed = wanted or max(1, len(self._nodes))
        self._is_missing = False
        self.satisfied = self._ready >= self._needed

    def check_hope(self, status_of: Callable[[Run], str | None]) -> None:
        """Refuse to wait for what has ended.

        :raises WaitError: with the nodes that have exited, or the run that is completed
        """
        exited = [node for node in self._nodes if not node.ready and node.exit_code is not None and node.exit_code >= 0]
        if exited and len(self._nodes) - len(exited) < self._needed:
            ended = shortened(f"{_which(node)} (exit code {node.exit_code})" for node in exited)
            raise WaitError(f"{self._title}: will not become ready: {ended} ended. Look at its log in the console.")
        status = self._run.status or status_of(self._run)
        if status == COMPLETED:
            raise self._ended(status)

    def is_replaced_by_one_of(self, begun: Sequence[Run]) -> bool:
        """Say whether a newer run of this project has begun, which takes its place: that is how ``latest`` goes on."""
        return any(run.project_id == self._run.project_id and run.number > self._run.number for run in begun)

    def check_missing(self, status_of: Callable[[Run], str | None]) -> None:
        """Refuse to wait for a run that is no longer among the chosen ones, since it has ended in whatever way.

        :raises WaitError: with its status
        """
        self._is_missing = True
        status = status_of(self._run)
        if status and status != IN_PROGRESS:
            raise self._ended(status)

    def _ended(self, status: str) -> WaitError:
        how = f"is completed ({COMPLETED})" if status == COMPLETED else f"has ended ({readable(status)})"
        return WaitError(f"{self._title}: will not become ready: the run {how}. Choose another run.")

    def __str__(self) -> str:
        if self._is_missing:
            return f"{self._title}: no longer listed"
        if not self._nodes:
            return f"{self._title}: no nodes yet"
        unready = (node for node in self._nodes if not node.ready)
        waiting = sorted(unready, key=lambda node: (node.rank is None, node.rank or 0, node.id))
        missing = f", waiting for {shortened(f'{_which(node)} ({_state(node)})' for node in waiting)}" if waiting else ""
        return f"{self._title}: {self._ready} of {self._needed} nodes ready{missing}"

    @property
    def _title(self) -> str:
        return f"{readable(self._run.project_title)} run {readable(self._run.name)}"


def _which(node: Node) -> str:
    return f"node {readable(node.id)}" if node.rank is None else f"rank {node.rank}"


def _state(node: Node) -> str:
    return readable(text(node.row.get("state")) or "no state")
