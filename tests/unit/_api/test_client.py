# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole lists are read side by side, in the same order and with the same outcome whoever answers first."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.client import Client
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.endpoints import PROJECTS, RUNS, Endpoint, nodes_of
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.request import Request
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.transport import Deadline, Transport
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import (
    IncompleteError,
    NotFoundError,
    NotJsonError,
    RequestError,
    ResponseError,
    ServerError,
    StatusError,
)

NODES = nodes_of("p1", "2", "bert")
DEADLINE = Deadline(60)
WAIT_SECONDS = 20.0  # for threads that wait for each other; only a failing test takes so long

Answer = Callable[[Request], Any]


class FakeTransport:
    """Answers by a function of the request, and notes what was asked: page and size, None where none was named."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked: list[tuple[str, int | None, int | None]] = []
        self.probes: list[bool] = []
        self.described: list[str] = []
        self.closed = threading.Event()

    @property
    def pages(self) -> list[tuple[int | None, int | None]]:
        return [(page, size) for _path, page, size in self.asked]

    def get(self, request: Request, deadline: Deadline, *, describe: Callable[[Any], str] = str, probe: bool = False) -> Any:
        assert deadline is DEADLINE
        self.asked.append((request.path, request.query.get("page"), request.query.get("pageSize")))
        self.probes.append(probe)
        body = self._answer(request)
        self.described.append(describe(body))
        return body

    def where(self, request: Request) -> str:
        return f"GET /nsml/v1{request.path}"

    def close(self) -> None:
        self.closed.set()


def read(answer: Answer, *endpoints: Endpoint, page_size: int = 10, concurrency: int = 4) -> list[list[Any]]:
    return client(FakeTransport(answer), page_size, concurrency).read(endpoints or [NODES], DEADLINE)


def client(
    transport: FakeTransport,
    page_size: int = 10,
    concurrency: int = 4,
    verbose: Callable[[str], object] = str,
    trace: Callable[[str], object] = str,
) -> Client:
    return Client(cast(Transport, transport), page_size=page_size, concurrency=concurrency, verbose=verbose, trace=trace)


def nodes(length: int, prefix: str = "") -> list[dict[str, Any]]:
    return [{"nodeId": f"{prefix}n{rank}", "rank": rank} for rank in range(length)]


def page_of(rows: list[Any], request: Request) -> Any:
    """Return what a service that does as documented answers."""
    number, size = request.query["page"], request.query.get("pageSize", 10)
    return {"nodes": rows[(number - 1) * size : number * size] if number else [], "totalCount": len(rows)}


def refusal(request: Request, status: int) -> StatusError:
    kind = ServerError if status >= 500 else NotFoundError if status == 404 else StatusError
    return kind(request.what, f"GET {request.path}", f"HTTP {status}.", "Look.", status=status)


def fails_at(number: int, status: int, rows: list[Any]) -> Answer:
    """Answer all pages but one."""

    def answer(request: Request) -> Any:
        if request.query["page"] == number:
            raise refusal(request, status)
        return page_of(rows, request)

    return answer


@pytest.mark.parametrize("concurrency", [1, 2, 3])
def test_pages_under_way_at_once_are_as_many_as_concurrency_allows(concurrency: int) -> None:
    # Pages 2 to 61: the barrier opens only when so many are there at once, and the semaphore has no slots for one more.
    together, slots = threading.Barrier(concurrency), threading.Semaphore(concurrency)
    rows = nodes(605)

    def answer(request: Request) -> Any:
        if request.query["page"] > 1:
            assert slots.acquire(blocking=False), "one more than concurrency allows"
            together.wait(WAIT_SECONDS)
            slots.release()
        return page_of(rows, request)

    assert read(answer, concurrency=concurrency) == [rows]


def test_runs_are_read_side_by_side() -> None:
    together = threading.Barrier(3)

    def answer(request: Request) -> Any:
        together.wait(WAIT_SECONDS)
        return page_of(nodes(3), request)

    assert read(answer, *(nodes_of("p1", run) for run in "123"), concurrency=3) == [nodes(3)] * 3


def test_requests_under_way_are_closed_after_ctrl_c() -> None:
    together = threading.Barrier(3)

    def answer(request: Request) -> Any:
        if together.wait(WAIT_SECONDS) == 0:
            _thread.interrupt_main()
        transport.closed.wait(WAIT_SECONDS)
        return page_of(nodes(3), request)

    transport = FakeTransport(answer)
    with pytest.raises(KeyboardInterrupt):
        client(transport, concurrency=3).read([nodes_of("p1", run) for run in "123"], DEADLINE)
    assert transport.closed.is_set()


@pytest.mark.parametrize("first", range(4))
def test_the_lists_come_in_the_order_of_the_endpoints_whoever_answers_first(first: int) -> None:
    endpoints = [nodes_of("p1", str(run)) for run in range(4)]
    answered = threading.Event()

    def answer(request: Request) -> Any:
        if request.path == endpoints[first].path:
            answered.set()
        assert answered.wait(WAIT_SECONDS)
        return page_of(nodes(3, request.path), request)

    assert read(answer, *endpoints) == [nodes(3, endpoint.path) for endpoint in endpoints]


@pytest.mark.parametrize("first", [2, 3])
def test_the_error_is_that_of_the_earliest_page_whichever_fails_first(first: int) -> None:
    failed = threading.Event()

    def answer(request: Request) -> Any:
        number = request.query["page"]
        if number == 1:
            return page_of(nodes(35), request)
        if number == first:
            failed.set()
        assert failed.wait(WAIT_SECONDS)
        raise ServerError(request.what, f"page {number}", "HTTP 503.", "", status=503)

    with pytest.raises(ServerError) as error:
        read(answer)
    assert error.value.where == "page 2"


def test_lists_of_different_lengths_are_read_whole() -> None:
    rows = {nodes_of("p1", str(length)).path: nodes(length) for length in (0, 5, 25, 40)}
    found = read(lambda request: page_of(rows[request.path], request), *(nodes_of("p1", run) for run in ("0", "5", "25", "40")))
    assert found == list(rows.values())


def test_a_list_without_ranks_begins_with_pages_1_and_0_side_by_side_where_requests_are_idle() -> None:
    together = threading.Barrier(4)

    def answer(request: Request) -> Any:
        together.wait(WAIT_SECONDS)
        return {"projects": [], "runList": [], "totalCount": 0}

    assert read(answer, PROJECTS, RUNS, concurrency=4) == [[], []]


@pytest.mark.parametrize(("concurrency", "zeros"), [(1, 0), (2, 0), (3, 1), (4, 2)])
def test_page_0_is_requested_ahead_only_where_no_other_request_has_to_wait(concurrency: int, zeros: int) -> None:
    def answer(request: Request) -> Any:
        key, identity = ("projects", "projectId") if request.path == PROJECTS.path else ("runList", "runName")
        first = (request.query["page"] - 1) * request.query["pageSize"]
        rows = [{"projectId": "p1", identity: f"n{row}"} for row in range(12)]
        return {key: rows[first : first + request.query["pageSize"]] if first >= 0 else []}

    transport = FakeTransport(answer)
    assert [len(rows) for rows in client(transport, 100, concurrency).read([PROJECTS, RUNS], DEADLINE)] == [12, 12]
    assert transport.pages.count((0, 100)) == zeros


def test_no_lists_cost_no_request() -> None:
    transport = FakeTransport(lambda _request: pytest.fail("asked"))
    assert client(transport).read([], DEADLINE) == []


def test_a_malformed_page_is_an_error_that_names_its_place() -> None:
    rows = [*nodes(13), "n13", *nodes(15)[14:]]
    with pytest.raises(ResponseError) as error:
        read(lambda request: page_of(rows, request))
    assert (error.value.what, error.value.where) == (
        "the nodes of run 2 of project bert",
        "GET /nsml/v1/projects/p1/runs/2/nodes",
    )
    assert "page 2, row 3 is not an object" in error.value.problem


def test_a_row_that_is_sent_twice_is_one() -> None:
    rows = [*nodes(5), nodes(5)[2]]
    assert read(lambda request: {"nodes": rows if request.query["page"] == 1 else [], "totalCount": 5}) == [nodes(5)]


@pytest.mark.parametrize("count", [None, -1, "many"])
def test_a_list_with_a_meaningless_count_is_read_whole(count: Any) -> None:
    assert read(lambda request: {**page_of(nodes(5), request), "totalCount": count}) == [nodes(5)]


def test_a_count_that_never_agrees_is_an_error_that_describes_what_was_seen() -> None:
    with pytest.raises(IncompleteError) as error:
        read(lambda request: {**page_of(nodes(5), request), "totalCount": 6})
    assert "the nodes of run 2 of project bert: GET /nsml/v1/projects/p1/runs/2/nodes" in str(error.value)
    assert "5 rows on 3 pages, totalCount 6" in str(error.value)
    assert error.value.advice.startswith("Try again")


@pytest.mark.parametrize("status", [400, 403, 404, 406, 500])
@pytest.mark.parametrize("rows", [[], [{"projectId": "p1"}]], ids=["empty", "one"])
def test_a_service_that_refuses_page_0_counts_from_1(rows: list[Any], status: int) -> None:
    def answer(request: Request) -> Any:
        if request.query["page"] == 0:
            raise refusal(request, status)
        return {"projects": rows if request.query["page"] == 1 else [], "totalCount": len(rows)}

    transport = FakeTransport(answer)
    assert client(transport).read([PROJECTS], DEADLINE) == [rows]
    assert dict(zip(transport.pages, transport.probes)) == {(1, 10): False, (0, 10): True}
    assert len(transport.pages) == 2


@pytest.mark.parametrize("status", [400, 403, 404, 406, 500])
def test_a_page_beyond_the_end_may_be_an_error_where_the_size_is_ignored(status: int) -> None:
    def answer(request: Request) -> Any:
        if request.query["page"] != 1:
            raise refusal(request, status)
        return {"nodes": nodes(20)}

    if status == 500:  # where the list might go on, an error of the service's own is none of a page beyond the end
        with pytest.raises(ServerError):
            read(answer)
    else:
        assert read(answer) == [nodes(20)]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 406, 500, 503])
def test_a_refused_page_1_is_an_error(status: int) -> None:
    def answer(request: Request) -> Any:
        raise refusal(request, status)

    with pytest.raises(StatusError) as error:
        read(answer)
    assert (error.value.what, error.value.status) == ("the nodes of run 2 of project bert", status)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 406, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("rows", [10, 25])
def test_a_fault_on_page_2_is_an_error_and_not_an_end(rows: int, status: int) -> None:
    with pytest.raises(RequestError) as error:
        read(fails_at(2, status, nodes(rows)))
    assert f"HTTP {status}" in str(error.value)


@pytest.mark.parametrize("status", [401, 429, 502, 503, 504])
def test_a_fault_on_page_0_is_an_error_and_not_a_start(status: int) -> None:
    with pytest.raises(StatusError) as error:
        read(fails_at(0, status, []))
    assert error.value.status == status


def test_the_size_asked_for_is_sent_with_each_page() -> None:
    transport = FakeTransport(lambda request: page_of(nodes(75), request))
    assert client(transport, 37).read([NODES], DEADLINE) == [nodes(75)]
    assert transport.pages == [(1, 37), (2, 37), (3, 37)]


def test_a_service_that_refuses_the_size_is_asked_for_its_default_one_from_then_on() -> None:
    def answer(request: Request) -> Any:
        if request.query.get("pageSize", 10) > 10:
            raise refusal(request, 400)
        return page_of(rows[request.path], request)

    endpoints = [nodes_of("p1", run) for run in "12"]
    rows = {endpoints[0].path: nodes(25), endpoints[1].path: nodes(3)}
    transport, lines = FakeTransport(answer), list[str]()
    reader = client(transport, 100, 1, verbose=lines.append)
    assert reader.read(endpoints, DEADLINE) == [*rows.values()]
    assert transport.pages == [(1, 100), (1, None), (1, None), (2, None), (3, None)]
    assert lines == ["The service refused 'page_size' 100 (HTTP 400). Reading pages of the service's default size."]
    transport.asked.clear()
    assert reader.read(endpoints[:1], DEADLINE) == [nodes(25)]
    assert transport.pages == [(1, None), (2, None), (3, None)]
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("page_zero", "status"), [(nodes(8), 200), *((rows, status) for rows in (nodes(8), []) for status in (400, 404, 406))]
)
def test_a_page_1_that_is_refused_is_beyond_the_end_where_pages_count_from_0(page_zero: list[Any], status: int) -> None:
    def answer(request: Request) -> Any:
        if request.query["page"] > 0:
            raise refusal(request, status)  # 200 is that of an error whose code is the service's own
        return {"nodes": page_zero}

    assert read(answer) == [page_zero]


def test_an_error_of_the_service_s_own_on_page_1_and_no_row_on_page_0_are_no_empty_list() -> None:
    def answer(request: Request) -> Any:
        if request.query["page"] > 0:
            raise refusal(request, 200)
        return {"nodes": []}

    with pytest.raises(StatusError, match="HTTP 200"):
        read(answer)


@pytest.mark.parametrize("status", [200, 400])
def test_a_size_may_be_refused_with_an_error_of_the_service_s_own(status: int) -> None:
    def answer(request: Request) -> Any:
        if request.query.get("pageSize", 10) > 10:
            raise refusal(request, status)
        return page_of(nodes(25), request)

    assert read(answer, page_size=100) == [nodes(25)]


def test_page_1_that_is_no_json_is_an_error() -> None:
    def answer(request: Request) -> Any:
        raise NotJsonError(request.what, request.path, "HTML.", "")

    with pytest.raises(NotJsonError):
        read(answer)


def test_page_0_that_is_no_json_has_no_rows() -> None:
    def answer(request: Request) -> Any:
        if request.query["page"] == 0:
            raise NotJsonError(request.what, request.path, "HTML.", "")
        return {"runList": []}

    assert read(answer, RUNS) == [[]]


def test_rows_in_another_order_with_each_page_are_an_error_that_advises_a_larger_page() -> None:
    def answer(request: Request) -> Any:
        orders = [nodes(12), [*reversed(nodes(12))]]
        return page_of(orders[request.query["page"] % 2], request)

    with pytest.raises(IncompleteError) as error:
        read(answer)
    assert "'page_size' to a number greater than 12" in error.value.advice


def test_another_order_with_each_page_is_the_error_though_the_page_beyond_the_end_is_one_too() -> None:
    def answer(request: Request) -> Any:
        if request.query["page"] in (0, 4):
            raise refusal(request, 500)
        orders = [nodes(25), [*reversed(nodes(25))]]
        return page_of(orders[request.query["page"] % 2], request)

    with pytest.raises(IncompleteError) as error:
        read(answer)
    assert "'page_size' to a number greater than 25" in error.value.advice


def test_the_trace_shows_what_each_page_held_and_why_the_list_is_complete() -> None:
    lines: list[str] = []
    transport = FakeTransport(lambda request: page_of(nodes(12), request))
    client(transport, trace=lines.append).read([NODES], DEADLINE)
    assert transport.described == ["10 rows, totalCount 12", "2 rows, totalCount 12"]
    assert lines == [
        "GET /nsml/v1/projects/p1/runs/2/nodes: list complete, rows: 12, because totalCount is 12, and the ranks are 0 to 11"
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"status": "RUN_STATE_COMPLETED"}, "RUN_STATE_COMPLETED"),
        ({}, None),
        ({"status": None}, None),
        ({"status": ["x"]}, None),
        ({"data": {"runName": "2", "status": "RUN_STATE_COMPLETED"}, "status": 200}, "RUN_STATE_COMPLETED"),
        ({"run": {"runName": "2"}, "status": "OK"}, None),
        ([], None),
        (None, None),
    ],
)
def test_the_status_of_a_run_is_returned_where_the_service_sends_it(body: Any, status: str | None) -> None:
    transport = FakeTransport(lambda _request: body)
    assert client(transport).status("p1", "2", DEADLINE) == status
    assert transport.asked == [("/projects/p1/runs/2", None, None)]


def test_the_status_of_a_run_that_cannot_be_read_is_unknown() -> None:
    def answer(request: Request) -> Any:
        raise RequestError(request.what, request.path, "the connection failed.", "")

    assert client(FakeTransport(answer)).status("p1", "2", DEADLINE) is None
