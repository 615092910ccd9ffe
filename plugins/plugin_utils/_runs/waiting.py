# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait until the ranks of all chosen runs are ready, report the progress, and stop if waiting cannot succeed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence, Set
from typing import NamedTuple

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
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunKey, RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import Selection
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.state import Phase, phase
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import readable, shortened, text

# Errors that are permanent.
LASTING = (AuthenticationError, CertificateError, NotFoundError, PermissionDenied, QuotaError)

# Seconds after which a node that has exited is not expected to be replaced (inferred).
_SUCCESSION = 15.0

# Seconds without a change, after which the status of a run is requested again and the remaining time is reported.
_SILENCE = 30.0

# The key of a run, and a rank of it or the ID of a node without a rank.
Place = tuple[str, str, "int | str"]


class WaitOptions(NamedTuple):
    """The options of waiting.

    :param timeout: the number of seconds to wait, 0 to turn waiting off
    :param interval: the number of seconds between two readings
    :param nodes: the number of ranks of each run that must be ready; None means all listed ranks, and at least one
    """

    timeout: int
    interval: float
    nodes: int | None


def wait(
    read: Callable[[], list[RunRows]],
    status_of: Callable[[Run], str | None],
    wait_options: WaitOptions,
    selection: Selection,
    *,
    notify: Callable[[str], object],
    available: Callable[[], str] = str,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[RunRows]:
    """Read repeatedly until the nodes are ready, and return the runs of the last reading.

    :param read: returns the runs of one reading; a temporary failure does not end the waiting
    :param status_of: returns the status of a run, if a reading does not include it
    :param notify: prints the progress when it changes, and the remaining time now and then
    :param available: returns the available runs for a message, if the last reading chose none
    :param clock: returns a monotonic time in seconds
    :raises WaitError: the time is over, or a rank or run has ended and cannot become ready
    :raises RequestError: a permanent error occurred, or a temporary one when the time is over
    """
    end = clock() + wait_options.timeout
    progress = _Progress(notify, end, clock, sleep)
    watch = _Watch(wait_options, selection)
    while True:
        now = clock()
        over = now >= end  # this reading is the last
        try:
            runs = read()
        except RequestError as error:
            if over or isinstance(error, LASTING):
                raise
            progress.update(f"{error} Still waiting.")
        else:
            waited_for = watch.waited_for(runs)
            unready = watch.update(waited_for, status_of, now)
            if waited_for and not unready:
                return runs
            state = ". ".join(
                map(str, unready)
            ) or f"No run matches 'run' yet: {', '.join(selection.runs)}. {available()}".rstrip(". ")
            if over:
                raise WaitError(
                    f"Timed out after {wait_options.timeout} s ('wait_timeout') waiting for nodes. {state}."
                    " Check the run in the NSML console, or increase 'wait_timeout'."
                )
            progress.update(state)
        progress.pause(wait_options.interval)


class _Progress:
    """Reports the progress when it changes, and the remaining time after some time without a change.

    :param end: the time on the clock at which waiting ends, in seconds
    """

    def __init__(
        self, notify: Callable[[str], object], end: float, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._notify = notify
        self._end = end
        self._clock = clock
        self._sleep = sleep
        self._state: str | None = None
        self._printed_at = 0.0

    def update(self, state: str) -> None:
        """Report a state if it has changed."""
        if state != self._state:
            self._state = state
            self._report(state)

    def pause(self, seconds: float) -> None:
        """Sleep until the next reading, and report the remaining time if it is due."""
        until = min(self._clock() + seconds, self._end)
        while True:
            now = self._clock()
            if now - self._printed_at >= _SILENCE and now < self._end:
                self._report(f"Still waiting, {max(0.0, self._end - now):.0f} s left")
            self._sleep(max(0.0, min(until, self._printed_at + _SILENCE) - now))
            if self._clock() >= until:
                return

    def _report(self, text: str) -> None:
        self._notify(text)
        self._printed_at = self._clock()


def are_ready(runs: Sequence[RunRows], wait_options: WaitOptions, selection: Selection) -> bool:
    """Return whether all runs are ready, and there is at least one."""
    waited_for = [found for found in runs if not is_idle(found, selection)]
    return bool(waited_for) and all(RunState(found, wait_options.nodes).satisfied for found in waited_for)


def is_idle(found: RunRows, selection: Selection) -> bool:
    """Return whether a keyword chose the run, it has no nodes, and its status is unknown, so that it may never have any."""
    return not found.rows and found.run.name not in selection.names and found.run.phase is Phase.UNKNOWN


class _Watch:
    """Tracks the runs that must become ready. A run that is not in the next reading is not forgotten."""

    def __init__(self, wait_options: WaitOptions, selection: Selection) -> None:
        self._wanted = wait_options.nodes
        self._selection = selection
        self._seen: set[RunKey] = set()
        self._unready: dict[RunKey, RunState] = {}
        self._exited_since: dict[Place, float] = {}
        self._status_known: dict[RunKey, tuple[Set[str], float]] = {}  # the node IDs and the time of the request

    def waited_for(self, runs: Sequence[RunRows]) -> list[RunRows]:
        """Return the runs that must become ready."""
        return [found for found in runs if found.run.key in self._seen or not is_idle(found, self._selection)]

    def update(self, runs: Sequence[RunRows], status_of: Callable[[Run], str | None], now: float) -> list[RunState]:
        """Return the runs that are not ready, including those that are no longer in the reading.

        :param now: the time at which the reading began, in seconds
        :raises WaitError: a run cannot become ready
        """
        states = {found.run.key: RunState(found, self._wanted) for found in runs}
        begun = [found.run for found in runs if found.run.key not in self._seen]
        missing = {
            key: state for key, state in self._unready.items() if key not in states and not self._is_replaced(state.run, begun)
        }
        for state in missing.values():
            state.check_missing(status_of)
        unready = {key: state for key, state in states.items() if not state.satisfied}
        exited = {place for state in unready.values() for place in state.exited}
        self._exited_since = {place: self._exited_since.get(place, now) for place in exited}
        given_up = {place for place, since in self._exited_since.items() if now - since >= _SUCCESSION}
        for state in unready.values():
            state.check_hope(self._status(state, status_of, now), given_up)
        self._seen |= states.keys()
        self._unready = unready | missing
        return list(self._unready.values())

    def _status(self, state: RunState, status_of: Callable[[Run], str | None], now: float) -> str | None:
        """Return the status of a run, None if it is not known.

        It is requested once, and again if the run has no nodes, a node is gone or has exited, or some time has passed without
        a request, because a run may end and keep its nodes.
        """
        key = state.run.key
        node_ids, since = self._status_known.get(key, (frozenset(), -math.inf))
        has_reason = not state.node_ids or not node_ids <= state.node_ids or state.exited or now - since >= _SILENCE
        status = state.run.status or (status_of(state.run) if has_reason else None)
        if status:
            self._status_known[key] = state.node_ids, now
        return status

    def _is_replaced(self, missing: Run, begun: Sequence[Run]) -> bool:
        """Return whether a newer run of the same project replaces a run that only ``latest`` chose."""
        return self._selection.follows_latest(missing.name) and any(
            run.project_id == missing.project_id and run.number > missing.number for run in begun
        )


class RunState:
    """The ranks of one run, and how many of them are ready."""

    def __init__(self, found: RunRows, wanted: int | None) -> None:
        self.run = found.run
        self.node_ids: Set[str] = {str(row["nodeId"]) for row in found.rows}
        self._nodes = [node for node in nodes_of_run(found.rows, found.run) if node.holds_rank]
        self._ready = sum(node.ready for node in self._nodes)
        self._needed = wanted or max(1, len(self._nodes))
        self._is_missing = False
        self.satisfied = self._ready >= self._needed
        # The holder of a rank has exited only if all nodes of the rank have.
        self.exited = {_place(node): node for node in self._nodes if node.exited}

    def check_hope(self, status: str | None, given_up: Set[Place]) -> None:
        """Check that the run can still become ready.

        :param status: the status of the run, None if it is not known
        :param given_up: the ranks that exited so long ago that they are not expected to be replaced
        :raises WaitError: too many ranks have exited, or the run has ended
        """
        has_ended = phase(status) is Phase.ENDED
        exited = [node for place, node in self.exited.items() if has_ended or place in given_up]
        if exited and len(self._nodes) - len(exited) < self._needed:
            raise self._hopeless(f"{shortened(map(_ending, exited))}. Check its log in the NSML console.")
        if has_ended:
            raise self._ended(status)

    def check_missing(self, status_of: Callable[[Run], str | None]) -> None:
        """Check that a run that is no longer among the chosen runs has not ended.

        :raises WaitError: the run has ended
        """
        self._is_missing = True
        status = status_of(self.run)
        if phase(status) is Phase.ENDED:
            raise self._ended(status)

    def _ended(self, status: str | None) -> WaitError:
        return self._hopeless(f"the run has ended ({readable(status or '')}). Choose another run.")

    def _hopeless(self, reason: str) -> WaitError:
        return WaitError(f"{self._title()} cannot become ready: {reason}")

    def _title(self) -> str:
        return f"Run {readable(self.run.name)} of project {readable(self.run.project_title)}"

    def __str__(self) -> str:
        title = self._title()
        if self._is_missing:
            return f"{title}: no longer among the chosen runs"
        if not self._nodes:
            return f"{title}: no nodes yet"
        unready = [node for node in self._nodes if not node.ready]
        missing = f", waiting for {shortened(f'{_which(node)} ({_state(node)})' for node in unready)}" if unready else ""
        return f"{title}: {self._ready} of {self._needed} nodes ready{missing}"


def _place(node: Node) -> Place:
    return *node.run.key, node.id if node.rank is None else node.rank


def _which(node: Node) -> str:
    return f"node {readable(node.id)}" if node.rank is None else f"rank {node.rank}"


def _state(node: Node) -> str:
    return readable(text(node.row.get("state")) or "no state")


def _ending(node: Node) -> str:
    has_code = node.exit_code is not None and node.exit_code >= 0
    return f"{_which(node)} exited with code {node.exit_code}" if has_code else f"{_which(node)} has ended ({_state(node)})"
