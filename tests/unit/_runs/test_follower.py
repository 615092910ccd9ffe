# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Readings of a simulated service, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.client import Client
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.credentials import Credentials
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.transport import Transport
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import RequestError, SelectionError, ServerError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.events import host_names
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.changes import KnownRuns, Reading, Watch, compare
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.follower import Follower
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import Selection
from ansible_collections.navercloud.nsml.tests.simulator import (
    NODE_PENDING,
    RUN_COMPLETED,
    RUN_IN_PROGRESS,
    Answer,
    Node,
    Project,
    Run,
    Simulator,
)

ID = "abc123ygz0iujnxyz"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Project bert has run 1, completed, and runs 2 and 3, in progress with two nodes each."""
    runs = [Run("1", status=RUN_COMPLETED), *(Run(name, nodes=[Node(port=15001), Node(rank=1, port=15002)]) for name in "23")]
    with Simulator([Project("bert", ID, runs)]) as simulator:
        yield simulator


def ignore(_line: str) -> None:
    """What the client has to say is not of interest here."""


class Reader:
    """Reads, and keeps what is known."""

    def __init__(self, simulator: Simulator, *runs: str, project: str | None = ID) -> None:
        self._simulator = simulator
        keys = simulator.credentials
        credentials = Credentials(keys.access_key, keys.secret_key, keys.api_key)
        transport = Transport(simulator.url, credentials, timeout=10, retries=0, connections=1, sleep=lambda _seconds: None)
        client = Client(transport, page_size=100, concurrency=1, verbose=ignore, trace=ignore)
        self._follower = Follower(client, Selection((project,) if project else (), runs), seconds=60)
        self.known: KnownRuns | None = None

    def read(self) -> Reading:
        """Return one reading."""
        reading = self._follower.read(self.known or {})
        self.known, _changes = compare(self.known, reading, Watch(), host_names)
        return reading

    def paths(self) -> list[str]:
        """Return the paths below the project that one reading asks for."""
        before = len(self._simulator.requests)
        self.read()
        asked = [record.path.partition("?")[0] for record in self._simulator.requests[before:]]
        return list(dict.fromkeys(path.removeprefix(f"/nsml/v1/projects/{ID}/runs/") for path in asked))


def statuses(reading: Reading) -> dict[str, str | None]:
    return {found.run.name: found.run.status for found in reading.runs}


def run_of(simulator: Simulator, name: str) -> Run:
    return next(run for run in simulator.projects[0].runs if run.name == name)


def answering(simulator: Simulator, path: str, answer: Answer) -> None:
    """Have each request for a path end in this answer."""

    def prepare(number: int) -> None:
        if simulator.requests[number - 1].path.partition("?")[0].endswith(path):
            simulator.answer_next(answer)

    simulator.before_answer = prepare


def test_the_status_of_a_named_run_is_asked_for_unless_all_is_ready_and_as_it_was(simulator: Simulator) -> None:
    reader = Reader(simulator, "2")
    assert reader.paths() == ["2/nodes", "2"]
    assert reader.paths() == ["2/nodes"]
    run_of(simulator, "2").nodes[0].command = "another"
    assert reader.paths() == ["2/nodes", "2"]
    assert reader.paths() == ["2/nodes"]
    run_of(simulator, "2").nodes[0].state = NODE_PENDING
    assert reader.paths() == ["2/nodes", "2"]
    run_of(simulator, "2").nodes.pop(0)
    assert reader.paths() == ["2/nodes", "2"]
    run_of(simulator, "2").nodes.clear()
    run_of(simulator, "2").status = RUN_COMPLETED
    assert statuses(reader.read()) == {"2": RUN_COMPLETED}


@pytest.mark.parametrize("status", [400, 403, 404, 500, 502, 503])
def test_a_status_that_cannot_be_read_ends_no_reading(simulator: Simulator, status: int) -> None:
    run_of(simulator, "2").nodes[0].state = NODE_PENDING
    answering(simulator, "/runs/2", Answer(status))
    assert statuses(Reader(simulator, "2").read()) == {"2": None}


@pytest.mark.parametrize("status", [RUN_COMPLETED, RUN_IN_PROGRESS])
def test_a_run_that_left_the_choice_is_read_by_itself(simulator: Simulator, status: str) -> None:
    reader = Reader(simulator, "latest")
    reader.read()
    run_of(simulator, "3").status = status
    simulator.projects[0].runs.append(Run("4"))
    reading = reader.read()
    assert statuses(reading) == {"4": RUN_IN_PROGRESS, "3": status}
    assert reading.not_chosen == {(ID, "3")}
    assert not reading.lost
    assert [len(found.rows) for found in reading.runs] == [0, 2]


def test_a_run_that_has_ended_is_not_read_again(simulator: Simulator) -> None:
    reader = Reader(simulator, "active")
    reader.read()
    run_of(simulator, "2").status = RUN_COMPLETED
    assert reader.paths()[-2:] == ["2", "2/nodes"]
    assert "2" not in reader.paths()


def test_a_run_that_the_service_no_longer_has_is_lost(simulator: Simulator) -> None:
    reader = Reader(simulator, "active")
    reader.read()
    simulator.projects[0].runs.pop()
    reading = reader.read()
    assert statuses(reading) == {"2": RUN_IN_PROGRESS}
    assert reading.lost == {(ID, "3")}


def test_a_named_run_that_is_deleted_is_lost_once_and_the_others_go_on(simulator: Simulator) -> None:
    reader = Reader(simulator, "2", "3")
    reader.read()
    simulator.projects[0].runs.pop()
    reading = reader.read()
    assert statuses(reading) == {"2": None}
    assert reading.lost == {(ID, "3")}
    reading = reader.read()
    assert statuses(reading) == {"2": None}
    assert reading.lost == set()


@pytest.mark.parametrize("project", [ID, "bert"])
def test_the_only_named_run_that_is_deleted_is_lost_once_and_then_an_error(simulator: Simulator, project: str) -> None:
    reader = Reader(simulator, "2", project=project)
    reader.read()
    simulator.projects[0].runs.pop(1)
    reading = reader.read()
    assert statuses(reading) == {}
    assert reading.lost == {(ID, "2")}
    with pytest.raises(SelectionError, match=r"no run '2'|Run '2'"):
        reader.read()


def test_a_project_that_is_deleted_loses_its_runs(simulator: Simulator) -> None:
    reader = Reader(simulator, "active", project="bert")
    reader.read()
    simulator.projects.clear()
    assert reader.read().lost == {(ID, "2"), (ID, "3")}


def test_a_run_that_only_its_list_leaves_out_is_not_lost(simulator: Simulator) -> None:
    reader = Reader(simulator, "active")
    reader.read()
    answering(simulator, "/projects/runs", Answer(body={"runList": []}))
    reading = reader.read()
    assert reading.not_chosen == {(ID, "2"), (ID, "3")}
    assert reading.lost == set()
    simulator.before_answer = None
    assert not reader.read().not_chosen


def test_a_named_run_that_only_a_list_leaves_out_is_not_looked_up_again_and_not_lost(simulator: Simulator) -> None:
    reader = Reader(simulator, "2", project="bert")
    reader.read()
    answering(simulator, "/projects", Answer(body={"projects": []}))
    assert not reader.read().lost


def test_a_run_that_does_not_exist_at_the_first_reading_is_an_error(simulator: Simulator) -> None:
    with pytest.raises(SelectionError):
        Reader(simulator, "2", "9").read()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_no_answer_about_a_run_that_left_the_choice_proves_nothing(simulator: Simulator, status: int) -> None:
    reader = Reader(simulator, "active")
    reader.read()
    run_of(simulator, "2").status = RUN_COMPLETED
    answering(simulator, "/runs/2", Answer(status))
    with pytest.raises(RequestError):
        reader.read()


@pytest.mark.parametrize("answer", [Answer(500), Answer(400), Answer(403), Answer(200, "[]"), Answer(200, "no JSON")])
def test_a_service_that_refuses_to_show_one_run_shows_its_nodes(simulator: Simulator, answer: Answer) -> None:
    reader = Reader(simulator, "active")
    reader.read()
    run_of(simulator, "2").status = RUN_COMPLETED
    answering(simulator, "/runs/2", answer)
    reading = reader.read()
    assert statuses(reading)["2"] is None
    assert not reading.lost


def test_an_error_of_the_service_s_own_is_no_empty_list_of_a_run_that_left_the_choice(simulator: Simulator) -> None:
    reader = Reader(simulator, "active")
    reader.read()
    run_of(simulator, "2").status = RUN_COMPLETED
    answering(simulator, "/runs/2/nodes", Answer(200, {"returnCode": "5000", "returnMessage": "internal error"}))
    with pytest.raises(RequestError, match="5000"):
        reader.read()


def test_a_run_whose_nodes_are_listed_is_not_lost(simulator: Simulator) -> None:
    reader = Reader(simulator, "active")
    reader.read()
    run_of(simulator, "2").status = RUN_COMPLETED
    answering(simulator, "/runs/2", Answer(404))
    assert not reader.read().lost


@pytest.mark.parametrize("status", [400, 403, 404, 406])
def test_a_run_that_the_service_no_longer_has_is_lost_however_its_nodes_are_refused(simulator: Simulator, status: int) -> None:
    reader = Reader(simulator, "active")
    reader.read()
    simulator.projects[0].runs.pop()
    answering(simulator, "/runs/3/nodes", Answer(status, {"message": "No such run."}))
    assert reader.read().lost == {(ID, "3")}


@pytest.mark.parametrize("status", [400, 404, 406])
def test_the_empty_list_of_a_run_that_left_the_choice_may_be_refused(simulator: Simulator, status: int) -> None:
    reader = Reader(simulator, "active")
    reader.read()
    run_of(simulator, "2").status = RUN_COMPLETED
    answering(simulator, "/runs/2/nodes", Answer(status, {"message": "No nodes."}))
    reading = reader.read()
    assert statuses(reading) == {"2": RUN_COMPLETED, "3": RUN_IN_PROGRESS}
    assert not reading.lost


def test_a_fault_of_the_service_is_an_error(simulator: Simulator) -> None:
    reader = Reader(simulator, "active")
    reader.read()
    answering(simulator, "/nodes", Answer(503))
    with pytest.raises(ServerError):
        reader.read()
