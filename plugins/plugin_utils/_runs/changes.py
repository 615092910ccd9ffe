# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The changes of runs and their nodes between two readings. Pure: readings in, changes out.

:data:`KnownRuns` is the state after the readings so far. :func:`compare` returns the changes and the next state. :func:`without`
returns the next state if some changes could not be reported, so that the next comparison finds these again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.node import Node, nodes_of_runs, place_in_run
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunKey, RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.state import Phase

READY, UNREADY, EXITED, GONE, CHANGED = "ready", "unready", "exited", "gone", "changed"
RUN_READY, RUN_ENDED = "run_ready", "run_ended"

NOT_LISTED, NOT_CHOSEN = "not_listed", "not_chosen"

# A service may set this field at each request, so it is never the only change.
_NEVER_ALONE = "updateTime"

_ABSENT = object()

# What identifies a node: its run, and its node ID.
NodeKey = tuple[RunKey, str]


class Reading(NamedTuple):
    """One complete reading.

    :param runs: the chosen runs, and each known run that is no longer chosen and has not ended
    :param not_chosen: the known runs that are no longer chosen
    :param lost: the known runs that were deleted
    """

    runs: Sequence[RunRows]
    not_chosen: frozenset[RunKey] = frozenset()
    lost: frozenset[RunKey] = frozenset()


class KnownNode(NamedTuple):
    """A node as it was last listed.

    :param host: the name of its host
    :param is_missing: the last reading did not list the node
    :param ended_with_run: the node was reported as exited because its run had ended, whatever its row contains
    """

    node: Node
    host: str
    is_missing: bool = False
    ended_with_run: bool = False

    @property
    def exited(self) -> bool:
        """Whether it counts as exited."""
        return self.ended_with_run or self.node.exited

    @property
    def ready(self) -> bool:
        """Whether it counts as ready."""
        return self.node.ready and not self.ended_with_run


class KnownRun(NamedTuple):
    """A run as it was last read.

    :param nodes: by node ID
    :param settled: the IDs of the nodes that hold the ranks, if all of these were ready and no rank was missing; else empty
    :param reported: the node IDs of the ranks since the run was reported as ready; None before
    :param all_exited: whether all nodes had exited
    :param not_chosen: whether the run was no longer chosen
    :param has_ended: whether the end of the run was reported
    """

    run: Run
    nodes: Mapping[str, KnownNode]
    settled: frozenset[str] = frozenset()
    reported: Mapping[int, str] | None = None
    all_exited: bool = False
    not_chosen: bool = False
    has_ended: bool = False


KnownRuns = Mapping[RunKey, KnownRun]


class NodeChange(NamedTuple):
    """A change of a node.

    :param now: the node as it was last listed
    :param before: the node at the reading before; None for a new node
    :param is_listed: whether this reading lists it
    :param reason: why the node is gone
    """

    kind: str
    now: KnownNode
    before: KnownNode | None
    is_listed: bool = True
    reason: str | None = None


class RunChange(NamedTuple):
    """A change of a run.

    :param run: with its status, where that is known
    :param before: the run at the reading before; None for a new run
    :param nodes: all known nodes, in the order of the inventory
    :param unlisted: the IDs of the nodes that this reading does not list
    :param again: whether the run was reported as ready before, and a rank has another node since then
    """

    kind: str
    run: Run
    before: Run | None
    nodes: Sequence[KnownNode]
    unlisted: frozenset[str] = frozenset()
    again: bool = False


Change = NodeChange | RunChange


class Watch(NamedTuple):
    """The options that decide which changes are reported.

    :param wait_nodes: how many ranks must be ready before a run counts as ready; None for all listed ranks
    :param initial: whether to report the nodes and runs that are ready at the first reading
    """

    wait_nodes: int | None = None
    initial: bool = True


def compare(
    known: KnownRuns | None, reading: Reading, watch: Watch, host_names: Callable[[Sequence[Node]], Mapping[NodeKey, str]]
) -> tuple[dict[RunKey, KnownRun], list[Change]]:
    """Return the next state and the changes in the order of the inventory, those of a run after those of its nodes.

    :param known: the state so far; None before the first reading
    :param host_names: returns the names of the hosts of nodes
    """
    nodes = nodes_of_runs(reading.runs)
    hosts = host_names(nodes)
    listed: dict[RunKey, dict[str, KnownNode]] = {}
    for node in nodes:
        key = node.run.key
        listed.setdefault(key, {})[node.id] = KnownNode(node, hosts[key, node.id])
    now: dict[RunKey, KnownRun] = {}
    changes: list[Change] = []
    for run in _in_order(known, reading):
        key = run.key
        step = _RunStep(
            before=known.get(key) if known else None,
            run=run,
            listed=listed.get(key, {}),
            is_first=known is None,
            not_chosen=key in reading.not_chosen,
            is_lost=key in reading.lost,
            watch=watch,
        )
        changes += step.changes
        if not step.is_given_up:
            now[key] = step.after
    return now, changes


def without(known: KnownRuns, before: KnownRuns, changes: Iterable[Change]) -> dict[RunKey, KnownRun]:
    """Return the next state if some changes were not reported, so that the next comparison finds these again.

    :param known: the next state if all changes are reported
    :param before: the state before; empty before the first reading
    :param changes: the changes that were not reported
    """
    runs = dict(known)
    for change in changes:
        key = (change.run if isinstance(change, RunChange) else change.now.node.run).key
        old = before.get(key)
        run = runs.get(key) or before[key]._replace(nodes={})  # only a known run can be given up
        if isinstance(change, RunChange):
            unreported = {"has_ended": False} if change.kind == RUN_ENDED else {"reported": old and old.reported}
            runs[key] = run._replace(**unreported)
        else:
            nodes = {node_id: seen for node_id, seen in run.nodes.items() if node_id != change.now.node.id}
            runs[key] = run._replace(nodes=nodes | ({change.now.node.id: change.before} if change.before else {}))
    return runs


def _in_order(known: KnownRuns | None, reading: Reading) -> list[Run]:
    """Return the runs of this reading and the lost ones. A run that has ended and is not chosen is forgotten."""
    runs = {found.run.key: found.run for found in reading.runs}
    lost = {key: known[key].run._replace(status=None) for key in reading.lost if known and key in known}
    return sorted((runs | lost).values(), key=lambda run: run.place)


@dataclass
class _RunStep:
    """One run, from one reading to the next."""

    before: KnownRun | None
    run: Run
    listed: Mapping[str, KnownNode]
    is_first: bool
    not_chosen: bool
    is_lost: bool
    watch: Watch
    changes: list[Change] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._old: Mapping[str, KnownNode] = self.before.nodes if self.before else {}
        union = {**self._old, **self.listed}
        self._all = sorted(union.values(), key=lambda seen: place_in_run(seen.node))
        self._all_exited = bool(union) and all(seen.exited for seen in self._all)
        self._ends = self._has_ended()
        # A run that is no longer chosen, and has not ended, is kept for one more reading: a list of runs may be empty once.
        self.is_given_up = self.not_chosen and not self._ends and bool(self.before and self.before.not_chosen)
        nodes = dict(self._nodes())
        self.after = self._run(nodes)._replace(nodes=nodes)

    def _has_ended(self) -> bool:
        if self.is_lost or self.run.phase is Phase.ENDED:
            return True
        before = self.before
        return self._all_exited and (self.is_first or bool(before and (before.all_exited or before.has_ended)))

    def _nodes(self) -> Iterator[tuple[str, KnownNode]]:
        """Yield the nodes to remember, and note the change of each."""
        for seen in self._all:
            node_id = seen.node.id
            now, before = self.listed.get(node_id), self._old.get(node_id)
            kept = self._listed(now, before) if now else self._unlisted(seen)
            if kept:
                yield node_id, kept

    def _listed(self, now: KnownNode, before: KnownNode | None) -> KnownNode | None:
        if self.is_given_up:
            if before:
                self.changes.append(NodeChange(GONE, now, before, reason=NOT_CHOSEN))
            return None
        if self._ends and self.not_chosen:
            now = now._replace(ended_with_run=True)
        if kind := self._kind(now, before):
            self.changes.append(NodeChange(kind, now, before))
        return now

    def _unlisted(self, before: KnownNode) -> KnownNode | None:
        now = before._replace(is_missing=True)
        if self._ends:
            if not before.exited:
                now = now._replace(ended_with_run=True)
                self.changes.append(NodeChange(EXITED, now, before, is_listed=False))
            return None if before.is_missing and before.exited else now
        if before.is_missing or self.is_given_up:
            reason = NOT_CHOSEN if self.is_given_up else NOT_LISTED
            self.changes.append(NodeChange(GONE, now, before, is_listed=False, reason=reason))
            return None
        return now

    def _kind(self, now: KnownNode, before: KnownNode | None) -> str | None:
        if self.is_first:
            return READY if now.ready and self.watch.initial else None
        if now.exited and not (before and before.exited):
            return EXITED
        if now.ready and not (before and before.ready):
            return READY
        if before and before.ready and not now.ready:
            return UNREADY
        return CHANGED if before is None or _differ(before.node, now.node) else None

    def _run(self, nodes: Mapping[str, KnownNode]) -> KnownRun:
        """Return the run to remember, and note its change."""
        before = self.before or KnownRun(self.run, {})
        holders = [seen.node for seen in self.listed.values() if seen.node.holds_rank]
        settled = _settled(holders)
        reported = before.reported
        if self._ends:
            if not before.has_ended and not self.is_first:
                self._note(RUN_ENDED)
        elif not self.is_given_up:
            reported = self._reported(before, holders, settled)
        return KnownRun(
            run=self.run,
            nodes=nodes,
            settled=settled,
            reported=reported,
            all_exited=self._all_exited,
            not_chosen=self.not_chosen,
            has_ended=self._ends or before.has_ended,
        )

    def _reported(self, before: KnownRun, holders: Sequence[Node], settled: frozenset[str]) -> Mapping[int, str] | None:
        """Return the nodes of the ranks as reported, and note if the run is ready, or ready again."""
        ranks = {node.rank: node.id for node in holders if node.rank is not None}
        if self.watch.wait_nodes is None:
            is_ready = bool(settled) and settled == before.settled
            counts_as_reported = bool(settled)
        else:
            is_ready = counts_as_reported = sum(node.ready for node in holders) >= self.watch.wait_nodes
        if before.reported is None:
            if self.is_first and not self.watch.initial:
                return ranks if counts_as_reported else None
            if is_ready:
                self._note(RUN_READY)
            return ranks if is_ready else None
        reported = before.reported
        replaced = [node for node in holders if node.rank is not None and reported.get(node.rank, node.id) != node.id]
        if is_ready and replaced and all(node.ready for node in replaced):
            self._note(RUN_READY, again=True)
            return ranks
        return {**ranks, **reported}

    def _note(self, kind: str, *, again: bool = False) -> None:
        unlisted = frozenset(seen.node.id for seen in self._all if seen.node.id not in self.listed)
        before = self.before.run if self.before else None
        self.changes.append(RunChange(kind, self.run, before, self._all, unlisted, again))


def _settled(holders: Sequence[Node]) -> frozenset[str]:
    """Return the IDs of the nodes that hold the ranks if all are ready and no rank is missing; else an empty set."""
    ranks = {node.rank for node in holders if node.rank is not None}
    if ranks == set(range(len(ranks))) and all(node.ready for node in holders):
        return frozenset(node.id for node in holders)
    return frozenset()


def _differ(before: Node, now: Node) -> bool:
    if before.row == now.row:
        return False
    fields = before.row.keys() | now.row.keys()
    return any(before.row.get(name, _ABSENT) != now.row.get(name, _ABSENT) for name in fields if name != _NEVER_ALONE)
