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
from ansible_collections.navercloud.nsml.plugins.plugin_utils._node import Node, nodes_of_run
from ansible_collections.navercloud.nsml.plugins.plugin_utils._run import COMPLETED, Run, RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import readable, text

_MOST_NAMED = 10

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
    awaited: dict[tuple[str, str], RunState] = {}
    while True:
        over = clock() >= end  # this reading is the last
        try:
            runs = read()
        except RequestError as error:
            if over or isinstance(error, _LASTING):
                raise
            progress = f"{error} Still waiting."
        else:
            states = {(found.run.project_id, found.run.name): RunState(found, patience.nodes) for found in runs}
            for gone in sorted(awaited.keys() - states.keys()):
                awaited.pop(gone).check_missing([found.run for found in runs], status_of)
            unready = [state for state in states.values() if not state.satisfied]
            if runs and not unready:
                return runs
            for state in unready:
                state.check_hope(status_of)
            awaited.update(states)
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


class RunState:
    """How far one run is."""

    def __init__(self, found: RunRows, wanted: int | None) -> None:
        self._run = found.run
        self._nodes = nodes_of_run(found.rows, found.run)
        self._ready = sum(node.ready for node in self._nodes)
        self._needed = wanted or max(1, len(self._nodes))
        self.satisfied = self._ready >= self._needed

    def check_hope(self, status_of: Callable[[Run], str | None]) -> None:
        """Refuse to wait for what has ended.

        :raises WaitError: with the nodes that have exited, or the run that is completed
        """
        exited = [node for node in self._nodes if not node.ready and node.exit_code is not None and node.exit_code >= 0]
        if exited and len(self._nodes) - len(exited) < self._needed:
            ended = ", ".join(f"{_which(node)} (exit code {node.exit_code})" for node in exited[:_MOST_NAMED])
            raise WaitError(f"{self._title}: will not become ready: {ended} ended. Look at its log in the console.")
        self._check_status(self._run.status or status_of(self._run))

    def check_missing(self, chosen: Sequence[Run], status_of: Callable[[Run], str | None]) -> None:
        """Refuse to go on as if nothing were, when this run is no longer among the chosen ones since it is completed.

        A newer run of its project takes its place: that is how ``latest`` goes on.

        :raises WaitError: with the run
        """
        mine = self._run
        if not any(run.project_id == mine.project_id and run.number > mine.number for run in chosen):
            self._check_status(status_of(mine))

    def _check_status(self, status: str | None) -> None:
        if status == COMPLETED:
            raise WaitError(f"{self._title}: will not become ready: the run is completed ({COMPLETED}). Choose another run.")

    def __str__(self) -> str:
        if not self._nodes:
            return f"{self._title}: no nodes yet"
        unready = (node for node in self._nodes if not node.ready)
        waiting = sorted(unready, key=lambda node: (node.rank is None, node.rank or 0, node.id))
        named = ", ".join(f"{_which(node)} ({_state(node)})" for node in waiting[:_MOST_NAMED])
        more = f" and {len(waiting) - _MOST_NAMED} more" if len(waiting) > _MOST_NAMED else ""
        missing = f", waiting for {named}{more}" if waiting else ""
        return f"{self._title}: {self._ready} of {self._needed} nodes ready{missing}"

    @property
    def _title(self) -> str:
        return f"{readable(self._run.project_title)} run {readable(self._run.name)}"


def _which(node: Node) -> str:
    return f"node {readable(node.id)}" if node.rank is None else f"rank {node.rank}"


def _state(node: Node) -> str:
    return readable(text(node.row.get("state")) or "no state")
