# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the reference leaves open, ordinary services answer in many ways: each lists exactly its nodes, over real sockets."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api import endpoints
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.client import Client
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.credentials import Credentials
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.transport import Deadline, Transport
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import RequestError
from ansible_collections.navercloud.nsml.tests.simulator import Answer, Behaviour, Node, Project, Run, Simulator

PROJECT = "abc123ygz0iujnxyz"
NODES = endpoints.nodes_of(PROJECT, "2", "bert")

Outside = Literal["empty", "nearest", "not JSON"] | int

BEYOND: st.SearchStrategy[Outside] = st.sampled_from(["empty", "nearest", "not JSON", 400, 403, 404, 406, 500])
NO_SUCH_PAGE: st.SearchStrategy[Outside] = st.sampled_from(["empty", "nearest", 400, 404, 406])


@pytest.fixture(scope="module")
def service() -> Iterator[Simulator]:
    with Simulator([]) as simulator:
        yield simulator


def serve(service: Simulator, nodes: list[Node], behaviour: Behaviour) -> None:
    service.projects = [Project("bert", id=PROJECT, runs=[Run("2", nodes=nodes)])]
    service.behaviour = behaviour
    service.requests.clear()


def listed(service: Simulator, *, page_size: int = 100, timeout: float = 20.0) -> list[str]:
    """Return the node IDs as the client lists them, without pauses between its tries."""
    has = service.credentials
    transport = Transport(
        service.url,
        Credentials(has.access_key, has.secret_key, has.api_key),
        timeout=timeout,
        retries=2,
        connections=4,
        sleep=lambda _seconds: None,
    )
    try:
        client = Client(transport, page_size=page_size, concurrency=4, verbose=str, trace=str)
        (rows,) = client.read([NODES], Deadline(60))
    finally:
        transport.close()
    return sorted(str(row["nodeId"]) for row in rows)


def ids(nodes: list[Node]) -> list[str]:
    return sorted(node.id for node in nodes)


def most_requests(nodes: int, page: int) -> int:
    """Return the most requests that a list which stands still may cost.

    Two sweeps, each with a check for each page, one page behind the end and three tries of page 0; and once a refused size.
    """
    return 2 * (2 * math.ceil(nodes / page) + 6) + 1


@st.composite
def node_lists(draw: st.DrawFn) -> list[Node]:
    """Return nodes with ranks in order, shuffled, doubled (restarted ranks), from another number on, or none."""
    length = draw(st.one_of(st.integers(0, 30), st.integers(0, 250), st.sampled_from([10, 20, 50, 100, 200])))
    kind = draw(st.sampled_from(["in order", "in order", "shuffled", "restarted", "ended ones gone", "none"]))
    ranks: list[Any] = list(range(length))
    if kind == "shuffled":
        random.Random(length).shuffle(ranks)
    elif kind == "restarted":
        ranks[length // 2 :] = ranks[: length - length // 2]
    elif kind == "ended ones gone":
        ranks = [rank + 3 for rank in ranks]
    elif kind == "none":
        ranks = [None] * length
    return [Node(rank=rank, id=f"node-{number}") for number, rank in enumerate(ranks)]


@st.composite
def ordinary(draw: st.DrawFn) -> Behaviour:
    """Return a service that answers each open question in one of the usual ways.

    Where it counts pages from 0 or ignores the size, it has no error of its own (500) for a page beyond its end: no client could
    know such a page from one that cannot be read.
    """
    first_page: Literal[0, 1] = draw(st.sampled_from([0, 1, 1]))
    how = draw(st.sampled_from(["honoured", "honoured", "capped", "ignored", "refused"]))
    size = draw(st.sampled_from([10, 20, 50, 100]))
    return Behaviour(
        first_page=first_page,
        page_cap=size if how == "capped" else None,
        fixed_page_size=size if how == "ignored" else None,
        size_limit=size if how == "refused" else None,
        count=draw(st.sampled_from(["whole", "page", "null", "absent"])),
        count_is_string=draw(st.booleans()),
        page_zero=draw(BEYOND),
        past_end=draw(BEYOND if how != "ignored" and first_page == 1 else NO_SUCH_PAGE),
        empty=draw(st.sampled_from(["list", "null", "no key", "no body", "204"])),
        order=draw(st.sampled_from(["oldest", "oldest", "newest", "random"])),
        beside=draw(st.sampled_from([{}, {"returnCode": "0"}, {"code": 200, "message": "SUCCESS", "page": 1}])),
    )


def honoured(behaviour: Behaviour, asked: int, rows: int) -> int:
    """Return the rows of a full page: the default ones, where a 400 may be due to the size."""
    size = behaviour.page_size(asked)
    is_refused = behaviour.size_limit is not None and asked > behaviour.size_limit
    if is_refused or (behaviour.first_page == 0 and behaviour.past_end == 400 and rows <= size):
        return behaviour.page_size(10)
    return size


def is_like_a_short_run(nodes: list[Node], behaviour: Behaviour, page: int) -> bool:
    """Return whether it counts pages from 0, and its second and last page passes for the whole of a short run."""
    rows = nodes if behaviour.order == "oldest" else nodes[::-1]
    ranks = [node.rank for node in rows[page:]]
    if behaviour.first_page or behaviour.count == "whole" or sorted(map(str, ranks)) != sorted(map(str, range(len(ranks)))):
        return False
    return 0 < len(ranks) < 10 and not (len(ranks) > 1 and ranks == [*reversed(range(len(ranks)))])


@settings(max_examples=settings().max_examples * 3 // 2)
@given(nodes=node_lists(), behaviour=ordinary(), page_size=st.sampled_from([10, 100, 100, 250]))
def test_an_ordinary_service_lists_exactly_its_nodes(
    service: Simulator, nodes: list[Node], behaviour: Behaviour, page_size: int
) -> None:
    page = honoured(behaviour, page_size, len(nodes))
    assume(not is_like_a_short_run(nodes, behaviour, page))
    serve(service, nodes, behaviour)
    try:
        assert listed(service, page_size=page_size) == ids(nodes)
    except RequestError:  # in another order with each page, it cannot be settled
        assert behaviour.order == "random"
        assert len(nodes) > page
    else:
        assert behaviour.order == "random" or len(service.requests) <= most_requests(len(nodes), page)


BROKEN = st.sampled_from(
    [
        *(Answer(status, {"message": "No."}) for status in (400, 401, 403, 404, 406, 429, 500, 502, 503, 504)),
        Answer(200, "<html>", {"Content-Type": "text/html"}),
        Answer(200, {"nodes": []}, cut=True),
    ]
)


@settings(max_examples=settings().max_examples * 4 // 5)
@given(
    length=st.one_of(st.integers(0, 30), st.integers(0, 250)),
    cap=st.sampled_from([None, 10, 20, 50, 100]),
    limit=st.sampled_from([None, 10, 50]),
    count=st.sampled_from(["whole", "page", "null", "absent"]),
    fault=BROKEN,
)
def test_a_page_2_that_cannot_be_read_is_never_the_end_of_the_list(
    service: Simulator, *, length: int, cap: int | None, limit: int | None, count: Any, fault: Answer
) -> None:
    nodes = [Node(rank=rank, id=f"node-{rank}") for rank in range(length)]
    serve(service, nodes, Behaviour(page_cap=cap, size_limit=limit, count=count, faults={2: fault}))
    try:
        found = listed(service)
    except RequestError:
        assert length >= 10
        return
    assert found == ids(nodes)


@pytest.mark.parametrize("count", ["whole", "page", "absent"])
@pytest.mark.parametrize("cap", [10, 50])
def test_a_page_2_that_never_comes_is_an_error(service: Simulator, count: Any, cap: int) -> None:
    nodes = [Node(rank=rank, id=f"node-{rank}") for rank in range(120)]
    serve(service, nodes, Behaviour(page_cap=cap, count=count, faults={2: None}))
    with pytest.raises(RequestError, match="no complete response within"):
        listed(service, timeout=0.2)


@pytest.mark.parametrize("rows", [0, 5, 10, 37, 100, 250])
@pytest.mark.parametrize("limit", [10, 50])
def test_a_service_that_refuses_the_size_costs_one_request_more(service: Simulator, rows: int, limit: int) -> None:
    nodes = [Node(rank=rank, id=f"node-{rank}") for rank in range(rows)]
    serve(service, nodes, Behaviour(page_cap=10))
    assert listed(service, page_size=10) == ids(nodes)
    usual = len(service.requests)
    serve(service, nodes, replace(service.behaviour, page_cap=None, size_limit=limit))
    assert listed(service) == ids(nodes)
    assert len(service.requests) == usual + 1
