# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many requests readings make, and how many rounds of answers they wait for, on a service that does as documented."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.client import Client
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.request import Request
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.transport import Deadline, Transport
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.reader import Reader
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import Selection
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.waiting import WaitOptions, wait

BERT = "abc123ygz0iujnbert00"
WAIT_SECONDS = 20.0  # for threads that wait for each other; only a failing test takes so long

PROJECTS = ("/projects page 0", "/projects page 1")
RUNS = ("/projects/runs page 0", "/projects/runs page 1")
NODES = f"/projects/{BERT}/runs/2/nodes page 1"
CHECK = f"/projects/{BERT}/runs/2/nodes page 2"
STATUS = f"/projects/{BERT}/runs/2"


class Service:
    """Two projects and their runs, of which run 2 of bert has these nodes.

    :param rounds: the requests of each round; each answer is held back until all requests of its round have come
    """

    def __init__(self, nodes: int = 4, rounds: Sequence[Sequence[str]] = (), state: str = "NODE_STATE_PENDING") -> None:
        self._lists: dict[str, tuple[str, list[dict[str, Any]], bool]] = {
            "/projects": ("projects", [{"projectId": BERT, "projectName": "bert"}, {"projectId": "p2"}], True),
            "/projects/runs": ("runList", [{"projectId": BERT, "runName": name, "status": "RUNNING"} for name in "12"], False),
            f"/projects/{BERT}/runs/2/nodes": (
                "nodes",
                [{"nodeId": f"n{rank}", "rank": rank, "state": state, "host": "h", "sshPort": 1} for rank in range(nodes)],
                True,
            ),
        }
        self._rounds = [(set(requests), threading.Barrier(len(requests))) for requests in rounds]
        self.asked: list[str] = []

    def get(self, request: Request, deadline: Deadline, *, describe: Callable[[Any], str] = str, probe: bool = False) -> Any:
        page = request.query.get("page")
        name = request.path if page is None else f"{request.path} page {page}"
        self.asked.append(name)
        for requests, together in self._rounds:
            if name in requests:
                together.wait(WAIT_SECONDS)
        if page is None:
            return {"status": "RUN_STATE_IN_PROGRESS"}
        key, rows, is_counted = self._lists[request.path]
        first = (page - 1) * request.query["pageSize"]
        body: dict[str, Any] = {key: rows[first : first + request.query["pageSize"]] if first >= 0 else []}
        return body | ({"totalCount": len(rows)} if is_counted else {})

    def where(self, request: Request) -> str:
        return f"GET {request.path}"

    def close(self) -> None:
        """Nothing is open."""

    def client(self) -> Client:
        return Client(cast(Transport, self), page_size=100, concurrency=4, verbose=str, trace=str)


@pytest.mark.parametrize(
    ("project", "run", "nodes", "rounds"),
    [
        (BERT, "2", 4, [[NODES]]),
        (BERT, "2", 16, [[NODES], [CHECK]]),
        ("bert", "2", 4, [PROJECTS, [NODES]]),
        ("bert", "latest", 4, [(*PROJECTS, *RUNS), [NODES]]),
        ("bert", "latest", 16, [(*PROJECTS, *RUNS), [NODES], [CHECK]]),
        (BERT, "latest", 4, [RUNS, [NODES]]),
    ],
)
def test_a_reading_waits_for_these_rounds_of_answers_and_asks_for_nothing_else(
    project: str, run: str, nodes: int, rounds: Sequence[Sequence[str]]
) -> None:
    service = Service(nodes, rounds)
    reader = Reader(service.client(), Selection((project,), (run,)))
    (found,) = reader.read(Deadline(60))
    assert len(found.rows) == nodes
    assert sorted(service.asked) == sorted(request for requests in rounds for request in requests)


@pytest.mark.parametrize(
    ("projects", "run", "once", "each_time"),
    [
        ((BERT,), "2", [], [NODES]),
        (("bert",), "2", PROJECTS, [NODES]),
        (("bert",), "latest", PROJECTS, [*RUNS, NODES]),
        ((BERT,), "latest", [], [*RUNS, NODES]),
        ((), "2", RUNS, [NODES]),
    ],
)
def test_ten_readings_read_projects_and_named_runs_once_and_keywords_each_time(
    projects: tuple[str, ...], run: str, once: Sequence[str], each_time: Sequence[str]
) -> None:
    service = Service()
    reader = Reader(service.client(), Selection(projects, (run,)))
    for _reading in range(10):
        (found,) = reader.read(Deadline(60))
        assert (found.run.project_id, found.run.name, len(found.rows)) == (BERT, "2", 4)
    assert sorted(service.asked) == sorted([*once, *(request for request in each_time for _reading in range(10))])


def waited_for(service: Service, selection: Selection) -> list[RunRows]:
    """Wait for ten readings, on a clock that only the pauses move; the nodes are ready at the last one."""
    client = service.client()
    reader = Reader(client, selection)
    now, readings = 0.0, 0

    def read() -> list[RunRows]:
        nonlocal readings
        readings += 1
        found = reader.read(Deadline(60))
        state = "RUNNING" if readings == 10 else "PENDING"
        return [RunRows(item.run, [{**row, "state": state} for row in item.rows]) for item in found]

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    def status_of(run: Run) -> str | None:
        return client.status(run.project_id, run.name, Deadline(60))

    wait_options = WaitOptions(600, 5.0, None)
    return wait(read, status_of, wait_options, selection, notify=str, clock=lambda: now, sleep=sleep)


@pytest.mark.parametrize(
    ("run", "requests"),
    [("2", [*PROJECTS, *[STATUS] * 2, *[NODES] * 10]), ("latest", [*PROJECTS, *[*RUNS, NODES] * 10])],
)
def test_waiting_for_ten_readings_asks_for_the_status_of_a_named_run_every_30_seconds(run: str, requests: Sequence[str]) -> None:
    service = Service()
    (found,) = waited_for(service, Selection(("bert",), (run,)))
    assert len(found.rows) == 4
    assert sorted(service.asked) == sorted(requests)
