# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Readings in, changes out: each table is a list of readings, and beside each the changes that it must bring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.changes import (
    Change,
    KnownRuns,
    NodeChange,
    NodeKey,
    Reading,
    RunChange,
    Watch,
    compare,
    without,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.node import Node
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunKey, RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row

BERT: RunKey = ("project-of-bert", "2")

# What a reading brings, in short: "ready 0", "gone 1 not_listed", "run_ended" and so on, by the node's ID.
Reported = list[str]


def row(node_id: str, state: str = "RUNNING", *, rank: int | None = None, **fields: Any) -> Row:
    """Return a row of a node whose ID begins with its rank, unless that is given."""
    host = {"host": "198.51.100.7", "sshPort": 15001} if state == "RUNNING" else {"host": None, "sshPort": None}
    own = int(node_id[0]) if rank is None else rank
    return {"nodeId": node_id, "rank": own, "state": f"NODE_STATE_{state}", "exitCode": -1, **host, **fields}


def bert(*rows: Row, status: str | None = "RUN_STATE_IN_PROGRESS", name: str = "2") -> RunRows:
    """Return a run of one project."""
    return RunRows(Run(BERT[0], name, "bert", status), rows)


def chosen(*rows: Row, **run: Any) -> Reading:
    """Return a reading of one chosen run."""
    return Reading([bert(*rows, **run)])


def left(*rows: Row, status: str | None, others: Sequence[RunRows] = ()) -> Reading:
    """Return a reading of a run that is no longer chosen, read by itself."""
    return Reading([bert(*rows, status=status), *others], not_chosen=frozenset({BERT}))


LOST = Reading([], not_chosen=frozenset({BERT}), lost=frozenset({BERT}))
EMPTY = chosen()


def names(nodes: Sequence[Node]) -> dict[NodeKey, str]:
    return {(node.run.key, node.id): f"host-{node.id}" for node in nodes}


def reported(change: Change) -> str:
    if isinstance(change, RunChange):
        return f"{change.kind} again" if change.again else change.kind
    assert change.now.host == f"host-{change.now.node.id}"
    return " ".join(filter(None, [change.kind, change.now.node.id, change.reason]))


def played(readings: Sequence[Reading], known: KnownRuns | None = None, **watch: Any) -> tuple[KnownRuns, list[Reported]]:
    """Return what is known after the readings, and what each of them brought."""
    brought = []
    for reading in readings:
        known, changes = compare(known, reading, Watch(**watch), names)
        brought.append([reported(change) for change in changes])
    assert known is not None
    return known, brought


READY = [row("0"), row("1")]
HALF = [row("0"), row("1", "PENDING")]

TABLES: dict[str, list[tuple[Reading, Reported]]] = {
    "the first reading reports only ready nodes": [
        (chosen(row("0"), row("1", "PENDING"), row("2", "FAILED", exitCode=1)), ["ready 0"]),
        (chosen(row("0"), row("1", "PENDING"), row("2", "FAILED", exitCode=1)), []),
    ],
    "a node becomes ready, and its run once two readings agree": [
        (chosen(*HALF), ["ready 0"]),
        (chosen(*READY), ["ready 1"]),
        (chosen(*READY), ["run_ready"]),
        (chosen(*READY), []),
    ],
    "a run that is ready at the start is ready at the second reading": [
        (chosen(*READY), ["ready 0", "ready 1"]),
        (chosen(*READY), ["run_ready"]),
    ],
    "a node that is no longer ready, and is again": [
        (chosen(row("0")), ["ready 0"]),
        (chosen(row("0", "UNKNOWN_TO_US")), ["unready 0"]),
        (chosen(row("0")), ["ready 0"]),
        (chosen(row("0")), ["run_ready"]),
        (chosen(row("0", sshPort=0)), ["unready 0"]),
        (chosen(row("0")), ["ready 0"]),
        (chosen(row("0")), []),
    ],
    "a node that exits is reported once": [
        (chosen(*READY), ["ready 0", "ready 1"]),
        (chosen(row("0"), row("1", "FAILED", exitCode=137)), ["exited 1"]),
        (chosen(row("0"), row("1", "FAILED", exitCode=137)), []),
    ],
    "another field changes": [
        (chosen(*HALF), ["ready 0"]),
        (chosen(row("0", command="x"), row("1", "PENDING")), ["changed 0"]),
        (chosen(row("0", command="x"), row("1", "PULLING")), ["changed 1"]),
        (chosen(row("0", command="x"), row("1", "PULLING")), []),
    ],
    "updateTime alone is no change": [
        (chosen(row("0", "PENDING", updateTime="a")), []),
        (chosen(row("0", "PENDING", updateTime="b")), []),
    ],
    "that a run has more ranks is no change of the others": [
        (chosen(row("0")), ["ready 0"]),
        (chosen(row("0"), row("1", "PENDING")), ["changed 1"]),
    ],
    "nodes that are first seen later": [
        (chosen(row("0", "PENDING")), []),
        (
            chosen(row("0", "PENDING"), row("1"), row("2", "PENDING"), row("3", "FAILED", exitCode=1)),
            ["ready 1", "changed 2", "exited 3"],
        ),
    ],
    "a node that is missing twice is gone": [
        (chosen(row("0", "PENDING"), row("1")), ["ready 1"]),
        (chosen(row("0", "PENDING")), []),
        (chosen(row("0", "PENDING")), ["gone 1 not_listed"]),
        (chosen(row("0", "PENDING")), []),
    ],
    "a list that is empty once and whole again": [
        (chosen(*READY), ["ready 0", "ready 1"]),
        (EMPTY, []),
        (chosen(*READY), []),
        (chosen(*READY), ["run_ready"]),
        (EMPTY, []),
        (chosen(*READY), []),
        (chosen(*READY), []),
    ],
    "a node that changes while it is missing": [
        (chosen(row("0", "PENDING")), []),
        (EMPTY, []),
        (chosen(row("0")), ["ready 0"]),
    ],
    "a run is ready only once no rank is left out": [
        (chosen(row("0"), row("2")), ["ready 0", "ready 2"]),
        (chosen(row("0"), row("2")), []),
        (chosen(row("0"), row("1"), row("2")), ["ready 1"]),
        (chosen(row("0"), row("1"), row("2")), ["run_ready"]),
    ],
    "a run whose list still grows is not ready": [
        (chosen(row("0")), ["ready 0"]),
        (chosen(row("0"), row("1")), ["ready 1"]),
        (chosen(row("0"), row("1")), ["run_ready"]),
        (chosen(row("0"), row("1"), row("2")), ["ready 2"]),
        (chosen(row("0"), row("1"), row("2")), []),
    ],
    "a node without a rank counts as one": [
        (chosen(row("0"), row("x", rank=-1)), ["ready 0", "ready x"]),
        (chosen(row("0"), row("x", rank=-1)), ["run_ready"]),
    ],
    "a run without nodes is not ready": [(EMPTY, []), (EMPTY, []), (EMPTY, [])],
    "a rank that is restarted": [
        (chosen(*READY), ["ready 0", "ready 1"]),
        (chosen(*READY), ["run_ready"]),
        (chosen(row("0"), row("1", "FAILED", exitCode=1), row("1b", "PENDING")), ["changed 1b", "exited 1"]),
        (chosen(row("0"), row("1", "FAILED", exitCode=1), row("1b")), ["ready 1b"]),
        (chosen(row("0"), row("1", "FAILED", exitCode=1), row("1b")), ["run_ready again"]),
        (chosen(row("0"), row("1", "FAILED", exitCode=1), row("1b")), []),
        (chosen(row("0"), row("1b")), []),
        (chosen(row("0"), row("1b")), ["gone 1 not_listed"]),
    ],
    "a rank that is restarted before the run was ready": [
        (chosen(row("0"), row("1", "PENDING")), ["ready 0"]),
        (chosen(row("0"), row("1", "FAILED", exitCode=1), row("1b")), ["ready 1b", "exited 1"]),
        (chosen(row("0"), row("1", "FAILED", exitCode=1), row("1b")), ["run_ready"]),
    ],
    "a run ends by its status": [
        (chosen(*READY), ["ready 0", "ready 1"]),
        (
            chosen(row("0", "COMPLETED", exitCode=0), row("1", "COMPLETED", exitCode=0), status="RUN_STATE_COMPLETED"),
            ["exited 0", "exited 1", "run_ended"],
        ),
        (chosen(row("0", "COMPLETED", exitCode=0), row("1", "COMPLETED", exitCode=0), status="RUN_STATE_COMPLETED"), []),
        (chosen(status="RUN_STATE_COMPLETED"), []),
        (chosen(status="RUN_STATE_COMPLETED"), []),
        (chosen(status="RUN_STATE_COMPLETED"), []),
    ],
    "a run ends, and its nodes go at once": [
        (chosen(*READY), ["ready 0", "ready 1"]),
        (chosen(status="RUN_STATE_FAILED"), ["exited 0", "exited 1", "run_ended"]),
        (chosen(status="RUN_STATE_FAILED"), []),
        (chosen(status="RUN_STATE_FAILED"), []),
    ],
    "a run ends when all its nodes have exited twice": [
        (chosen(*READY, status=None), ["ready 0", "ready 1"]),
        (chosen(row("0", "DONE"), row("1", "DONE"), status=None), ["exited 0", "exited 1"]),
        (chosen(row("0", "DONE"), row("1", "DONE"), status=None), ["run_ended"]),
        (chosen(row("0", "DONE"), row("1", "DONE"), status=None), []),
    ],
    "all nodes have exited once, and one is restarted": [
        (chosen(row("0"), status=None), ["ready 0"]),
        (chosen(row("0", "DONE"), status=None), ["exited 0"]),
        (chosen(row("0", "DONE"), row("0b", "PENDING"), status=None), ["changed 0b"]),
        (chosen(row("0", "DONE"), row("0b"), status=None), ["ready 0b"]),
        (chosen(row("0", "DONE"), row("0b"), status=None), ["run_ready"]),
    ],
    "a run that is over at the first reading is not reported": [
        (chosen(row("0", "DONE"), status=None), []),
        (chosen(row("0", "DONE"), status=None), []),
        (chosen(row("0", "DONE"), status="RUN_STATE_COMPLETED"), []),
    ],
    "a run that begins and ends between two readings": [
        (Reading([]), []),
        (chosen(row("0", "DONE", exitCode=3), status="RUN_STATE_FAILED"), ["exited 0", "run_ended"]),
    ],
    "a run that was active has ended": [
        (chosen(*READY), ["ready 0", "ready 1"]),
        (left(row("0", exitCode=0), row("1"), status="RUN_STATE_COMPLETED"), ["exited 0", "exited 1", "run_ended"]),
        (Reading([]), []),
        (Reading([]), []),
    ],
    "a run that was active has ended, and its nodes are gone": [
        (chosen(row("0"), row("1", "FAILED", exitCode=1)), ["ready 0"]),
        (left(status="RUN_STATE_STOPPED"), ["exited 0", "run_ended"]),
        (Reading([]), []),
    ],
    "the service no longer has a run": [
        (chosen(*READY), ["ready 0", "ready 1"]),
        (LOST, ["exited 0", "exited 1", "run_ended"]),
        (Reading([]), []),
    ],
    "a newer run begins, and the older one goes on": [
        (chosen(*READY), ["ready 0", "ready 1"]),
        (chosen(*READY), ["run_ready"]),
        (left(*READY, status="RUN_STATE_IN_PROGRESS", others=[bert(name="3")]), []),
        (left(*READY, status="RUN_STATE_IN_PROGRESS", others=[bert(name="3")]), ["gone 0 not_chosen", "gone 1 not_chosen"]),
        (Reading([bert(name="3")]), []),
    ],
    "a list of runs that is empty once": [
        (chosen(*READY), ["ready 0", "ready 1"]),
        (chosen(*READY), ["run_ready"]),
        (left(*READY, status=None), []),
        (chosen(*READY), []),
        (left(*READY, status=None), []),
        (chosen(*READY), []),
    ],
    "a run that leaves the choice and ends a reading later": [
        (chosen(row("0", "PENDING")), []),
        (left(row("0", "PENDING"), status="RUN_STATE_IN_PROGRESS"), []),
        (left(row("0", "PENDING"), status="RUN_STATE_KILLED"), ["exited 0", "run_ended"]),
        (Reading([]), []),
    ],
    "a node that is missing while its run leaves the choice": [
        (chosen(*HALF), ["ready 0"]),
        (left(row("0"), status="RUN_STATE_IN_PROGRESS"), []),
        (left(row("0"), status="RUN_STATE_IN_PROGRESS"), ["gone 0 not_chosen", "gone 1 not_chosen"]),
    ],
    "a node that exited is not listed once while its run ends": [
        (chosen(row("0", "DONE"), row("1")), ["ready 1"]),
        (chosen(row("1"), status="RUN_STATE_COMPLETED"), ["run_ended"]),
        (chosen(row("0", "DONE"), row("1"), status="RUN_STATE_COMPLETED"), []),
    ],
    "a field that is null, and one that is not sent": [
        (chosen(row("0", "PENDING", note=None)), []),
        (chosen(row("0", "PENDING")), ["changed 0"]),
        (chosen(row("0", "PENDING", note=None)), ["changed 0"]),
    ],
    "a rank is added to a run that was ready": [
        (chosen(row("0")), ["ready 0"]),
        (chosen(row("0")), ["run_ready"]),
        (chosen(*READY), ["ready 1"]),
        (chosen(*READY), []),
    ],
    "a run that is chosen again": [
        (chosen(row("0", "PENDING")), []),
        (left(row("0", "PENDING"), status="RUN_STATE_IN_PROGRESS"), []),
        (left(row("0", "PENDING"), status="RUN_STATE_IN_PROGRESS"), ["gone 0 not_chosen"]),
        (chosen(row("0")), ["ready 0"]),
    ],
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_readings_bring_these_changes(table: list[tuple[Reading, Reported]]) -> None:
    readings, expected = zip(*table)
    assert played(readings)[1] == list(expected)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_change_that_was_not_reported_is_found_again(table: list[tuple[Reading, Reported]]) -> None:
    """However many changes of a reading were reported, the next reading brings the rest, and none of these again."""
    known: KnownRuns | None = None
    for reading, expected in table:
        after, changes = compare(known, reading, Watch(), names)
        for done in range(len(changes)):
            partly = without(after, known or {}, changes[done:])
            found = [reported(change) for change in compare(partly, reading, Watch(), names)[1]]
            assert [line for line in found if line in expected] == expected[done:]
        known = after


def test_with_wait_nodes_a_run_is_ready_at_once() -> None:
    readings = [chosen(*HALF), chosen(*READY), chosen(*READY)]
    assert played(readings, wait_nodes=1)[1] == [["ready 0", "run_ready"], ["ready 1"], []]
    assert played(readings, wait_nodes=2)[1] == [["ready 0"], ["ready 1", "run_ready"], []]
    assert played(readings, wait_nodes=3)[1] == [["ready 0"], ["ready 1"], []]


def test_with_wait_nodes_a_rank_that_is_added_is_no_reason_for_another_report() -> None:
    assert played([chosen(row("0")), chosen(*READY)], wait_nodes=1)[1] == [["ready 0", "run_ready"], ["ready 1"]]


def test_with_wait_nodes_a_run_is_ready_again_once_its_new_node_is() -> None:
    restarting = row("0", "DONE"), row("0b", "PENDING"), row("1")
    restarted = row("0", "DONE"), row("0b"), row("1")
    readings = [chosen(*READY), chosen(*restarting), chosen(*restarted), chosen(*restarted)]
    assert [line[-1:] for line in played(readings, wait_nodes=1)[1]] == [["run_ready"], ["exited 0"], ["run_ready again"], []]


def test_without_initial_what_is_ready_at_the_start_is_not_reported() -> None:
    readings = [chosen(*READY), chosen(*READY), chosen(row("0"), row("1", "DONE"), row("1b"))]
    _known, brought = played(readings, initial=False)
    assert brought == [[], [], ["ready 1b", "exited 1"]]
    assert played([chosen(*READY), chosen(*READY)], initial=False, wait_nodes=2)[1] == [[], []]


def test_without_initial_a_run_that_becomes_ready_is_reported() -> None:
    readings = [chosen(*HALF), chosen(*READY), chosen(*READY)]
    assert played(readings, initial=False)[1] == [[], ["ready 1"], ["run_ready"]]


def test_changes_come_in_the_order_of_the_inventory() -> None:
    def run(project: str, name: str) -> RunRows:
        return RunRows(Run(f"id-{project}", name, project, None), [row("9"), row("2"), row("1", "DONE"), row("1b")])

    readings = [Reading([]), Reading([run("b", "10"), run("b", "9"), run("a", "1")])]
    changes = compare(compare(None, readings[0], Watch(), names)[0], readings[1], Watch(), names)[1]
    of_nodes = [change.now.node for change in changes if isinstance(change, NodeChange)]
    assert [(node.run.project_name, node.run.name, node.id) for node in of_nodes] == [
        (project, name, node_id) for project, name in (("a", "1"), ("b", "9"), ("b", "10")) for node_id in ("1b", "1", "2", "9")
    ]


def test_a_thousand_nodes_that_change_at_once_are_each_reported_once() -> None:
    def rows(state: str) -> list[Row]:
        return [row(f"{rank:04}", state, rank=rank) for rank in range(1000)]

    _known, brought = played([chosen(*rows("PENDING")), chosen(*rows("RUNNING")), chosen(*rows("RUNNING"))])
    assert brought == [[], [f"ready {rank:04}" for rank in range(1000)], ["run_ready"]]


def test_a_lost_run_has_no_status_and_lists_no_node() -> None:
    known, _brought = played([chosen(*READY)])
    (*_nodes, ended) = compare(known, LOST, Watch(), names)[1]
    assert isinstance(ended, RunChange)
    assert ended.run.status is None
    assert ended.unlisted == {"0", "1"}
    assert [seen.node.id for seen in ended.nodes] == ["0", "1"]


def test_a_change_of_a_run_has_the_run_as_it_was_before() -> None:
    known, _brought = played([chosen(*READY)])
    (*_nodes, ended) = compare(known, chosen(*READY, status="RUN_STATE_COMPLETED"), Watch(), names)[1]
    assert isinstance(ended, RunChange)
    assert ended.before is not None
    assert (ended.before.status, ended.run.status) == ("RUN_STATE_IN_PROGRESS", "RUN_STATE_COMPLETED")


def test_a_change_of_a_node_states_whether_the_reading_lists_it() -> None:
    def listed(*readings: Reading) -> list[bool]:
        known, _brought = played(readings[:-1])
        return [change.is_listed for change in compare(known, readings[-1], Watch(), names)[1] if isinstance(change, NodeChange)]

    assert listed(chosen(*READY), chosen(*HALF)) == [True]
    assert listed(chosen(*READY), EMPTY, EMPTY) == [False, False]
    assert listed(chosen(*READY), chosen(row("0"), status="RUN_STATE_COMPLETED")) == [False]


def test_a_node_that_ended_with_its_run_is_remembered_for_one_reading_without_it() -> None:
    known, _brought = played([chosen(*READY), chosen(status="RUN_STATE_COMPLETED")])
    assert list(known[BERT].nodes) == ["0", "1"]
    known, changes = compare(known, chosen(status="RUN_STATE_COMPLETED"), Watch(), names)
    assert (known[BERT].nodes, changes) == ({}, [])


def test_what_is_forgotten_takes_no_memory() -> None:
    known, _brought = played([reading for table in TABLES.values() for reading, _reported in table] + [LOST, Reading([])])
    assert known == {}
