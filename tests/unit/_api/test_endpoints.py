# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lists of the API: the paths that lead to them, and what a page of them must hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
import requests

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.endpoints import (
    PROJECTS,
    RUNS,
    Endpoint,
    describe,
    nodes_of,
    parse_page,
    run_path,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.pagination import Entry, Page
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ResponseError, SelectionError

NODES = nodes_of("p1", "2", "bert")
WHERE = "GET /nsml/v1/projects/p1/runs/2/nodes"

HOSTILE = [
    "a/b",
    "../../images/secret",
    "/",
    "a?b=c",
    "a#b",
    "%2e%2e",
    "%2E",
    "..%2f..",
    "a b",
    "a\nb",
    "a\x00b",
    "\\..\\",
    "...",
    "a;b",
    "프로젝트",
    "e\u0301",
    "\u2024\u2024",
    "~",
    "@host:80",
    "x" * 10_000,
]


@pytest.mark.parametrize("name", HOSTILE, ids=[ascii(name[:12]) for name in HOSTILE])
def test_no_name_changes_the_path_of_a_request(name: str) -> None:
    for project, run in (("p1", name), (name, "2"), (name, name)):
        url = f"https://api.example/nsml/v1{nodes_of(project, run).path}"
        sent = requests.Request("GET", url, params={"page": 1}).prepare().path_url
        path, _mark, query = sent.partition("?")
        assert [unquote(part) for part in path.split("/")] == ["", "nsml", "v1", "projects", project, "runs", run, "nodes"]
        assert query == "page=1"


@pytest.mark.parametrize("name", ["", ".", "..", "\ud800", "a\udcff"])
def test_a_name_that_no_path_can_hold_is_refused(name: str) -> None:
    for project, run in (("p1", name), (name, "2")):
        with pytest.raises(SelectionError, match="is not a valid name for a project or run") as error:
            nodes_of(project, run)
        assert repr(name) in str(error.value)
        assert str(error.value).isprintable()


def test_each_list_has_the_path_of_the_api() -> None:
    assert (PROJECTS.path, PROJECTS.key) == ("/projects", "projects")
    assert (RUNS.path, RUNS.key) == ("/projects/runs", "runList")
    assert (NODES.path, NODES.key) == ("/projects/p1/runs/2/nodes", "nodes")
    assert run_path("p1", "2") == "/projects/p1/runs/2"


@pytest.mark.parametrize(
    ("endpoint", "what"),
    [
        (NODES, "the nodes of run 2 of project bert"),
        (nodes_of("p1", "2"), "the nodes of run 2 of project p1"),
        (nodes_of("p1", "2\n", "\x1b[31mred"), "the nodes of run 2 of project [31mred"),
    ],
)
def test_a_list_is_named_in_words(endpoint: Endpoint, what: str) -> None:
    assert endpoint.what == what


def page(body: Any, endpoint: Endpoint = NODES, number: int = 1) -> Page:
    return parse_page(body, endpoint, number, WHERE)


def refused(body: Any, endpoint: Endpoint = NODES, number: int = 1) -> ResponseError:
    with pytest.raises(ResponseError) as error:
        page(body, endpoint, number)
    assert (error.value.what, error.value.where) == (endpoint.what, WHERE)
    return error.value


def row(number: int, **changes: Any) -> dict[str, Any]:
    return {"nodeId": f"n{number}", "rank": number} | changes


def test_a_page_is_its_rows_each_with_its_identity_and_rank() -> None:
    rows = [row(1), row(0)]
    assert page({"nodes": rows, "totalCount": 7}) == Page([Entry(("n1",), rows[0], 1), Entry(("n0",), rows[1], 0)], 7)


def test_a_list_without_ranks_has_none_whatever_its_rows_hold() -> None:
    (entry,) = page({"runList": [{"projectId": "p1", "runName": "2", "rank": 0}]}, RUNS).entries
    assert (entry.id, entry.rank) == (("p1", "2"), None)


@pytest.mark.parametrize(("rank", "taken"), [(3, 3), ("3", 3), (3.0, 3), (None, None), ("first", None), (True, None)])
def test_a_rank_of_another_type_is_one_where_it_is_a_whole_number(rank: Any, taken: int | None) -> None:
    (entry,) = page({"nodes": [row(0, rank=rank)]}).entries
    assert entry.rank == taken


@pytest.mark.parametrize(
    ("odd", "problem"),
    [
        (None, "is not an object"),
        ("n3", "is not an object"),
        (["n3"], "is not an object"),
        ({}, "has no nodeId"),
        ({"nodeId": None}, "has no nodeId"),
        ({"nodeId": ""}, "has no nodeId"),
        ({"nodeId": True}, "has no nodeId"),
        ({"nodeId": {"a": 1}}, "has no nodeId"),
        ({"nodeId": 1.5}, "has no nodeId"),
    ],
)
def test_a_row_without_identity_is_an_error_that_names_its_place(odd: Any, problem: str) -> None:
    error = refused({"nodes": [row(0), odd, row(2)]}, number=3)
    assert error.problem == f"the response does not match the API reference: page 3, row 1 {problem}."
    assert "Check that 'api_url' is the URL of the NSML API" in error.advice


def test_a_run_needs_both_its_project_and_its_name() -> None:
    for odd in ({"runName": "2"}, {"projectId": "p1"}, {"projectId": "p1", "runName": ""}):
        assert "page 1, row 0 has no projectId or runName" in refused({"runList": [odd]}, RUNS).problem


def test_runs_of_one_name_in_two_projects_are_two() -> None:
    rows = [{"projectId": "p1", "runName": "2", "status": "a"}, {"projectId": "p2", "runName": "2", "status": "b"}]
    assert [entry.id for entry in page({"runList": rows}, RUNS).entries] == [("p1", "2"), ("p2", "2")]


def test_two_rows_of_one_identity_are_an_error_that_names_their_place() -> None:
    body = {"nodes": [row(0), row(1), row(2), row(1, rank=3)]}
    assert "page 2, row 3 has the same nodeId as row 1" in refused(body, number=2).problem
    runs = {"runList": [{"projectId": "p1", "runName": "2", "status": status} for status in "ab"]}
    assert "row 1 has the same projectId and runName as row 0" in refused(runs, RUNS).problem


def test_a_row_that_is_sent_twice_is_kept_twice_for_the_listing_to_count() -> None:
    assert len(page({"nodes": [row(0), row(1), row(0)]}).entries) == 3


def test_an_identity_that_is_a_number_and_one_that_is_its_text_are_one() -> None:
    first, second = page({"projects": [{"projectId": 7}, {"projectId": "7"}]}, PROJECTS).entries
    assert first.id == second.id == ("7",)


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"nodes": []},
        {"nodes": None},
        {"nodes": None, "data": {"x": 1}},
        {"returnCode": "0", "page": 1},
        {"totalCount": 0},
        {"nodes": {}},
        {"data": {"nodes": None, "totalCount": 0}},
        {"data": {}, "returnCode": "0"},
        {"data": {"totalCount": None}},
        {"nodes": {"list": None}, "code": 200},
        {"data": {"nodes": None}, "links": [{"rel": "self"}]},
        {"content": None, "totalElements": 0, "pageable": {"sort": [], "pageNumber": 0}},
        {"result": {"page": {"size": 10}}},
    ],
)
def test_an_empty_list_may_have_any_usual_form(body: Any) -> None:
    assert page(body).entries == []


OTHER_KEYS: list[Callable[[list[Any]], Any]] = [
    lambda rows: rows,
    lambda rows: {"content": rows, "totalElements": 2},
    lambda rows: {"nodeList": rows, "returnCode": "0", "messages": []},
    lambda rows: {"data": {"nodes": rows}, "code": 200},
    lambda rows: {"result": {"items": rows, "page": {"size": 10}}},
    lambda rows: {"nodes": {"list": rows}},
]


@pytest.mark.parametrize("body_of", OTHER_KEYS)
def test_rows_under_another_key_are_known_by_their_identity(body_of: Callable[[list[Any]], Any]) -> None:
    rows = [row(0), row(1)]
    assert [entry.row for entry in page(body_of(rows)).entries] == rows
    assert describe(body_of(rows), NODES).startswith("2 rows")


@pytest.mark.parametrize("body_of", OTHER_KEYS)
def test_an_empty_list_under_another_key_is_an_empty_list(body_of: Callable[[list[Any]], Any]) -> None:
    assert page(body_of([])).entries == []


def test_rows_under_another_key_count_though_the_usual_key_is_null() -> None:
    assert len(page({"nodes": None, "content": [row(0), row(1)]}).entries) == 2
    assert page({"nodes": None, "links": ["next"]}).entries == []


@pytest.mark.parametrize("body", [{"items": [row(0)], "totalCount": 7}, {"data": {"nodes": [row(0)], "totalCount": "7"}}])
def test_a_count_beside_such_rows_counts(body: Any) -> None:
    assert page(body).count == 7


@pytest.mark.parametrize("body", ["nodes", 5, True, ["n1"], [{"rank": 0}]])
def test_a_body_without_objects_is_an_error(body: Any) -> None:
    assert "page 2 has no list 'nodes'. Keys of the response: none." in refused(body, number=2).problem


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        ({"nodes": {"n0": row(0)}}, "nodes"),
        ({"node": row(0)}, "node"),
        ({"data": {"data": {"nodes": ["n0"]}}}, "data"),
        ({"nodes": "none", "a": 1}, "a, nodes"),
        ({"projects": [{"projectId": "p1"}]}, "projects"),
        ({"items": [row(0), {"rank": 1}]}, "items"),
        ({"items": [row(0)], "others": [row(1)]}, "items, others"),
        ({"data": {"data": {"nodes": [row(0)]}}}, "data"),
    ],
)
def test_a_body_without_rows_is_an_error_that_names_its_keys(body: Any, keys: str) -> None:
    assert f"page 2 has no list 'nodes'. Keys of the response: {keys}." in refused(body, number=2).problem


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, "no body"),
        (["n1"], "no nodes"),
        ({}, "0 rows"),
        ({"nodes": None, "totalCount": "0"}, "0 rows, totalCount 0"),
        ({"nodes": [1, 2]}, "2 rows"),
        ({"nodes": [1], "totalCount": 1}, "1 row, totalCount 1"),
    ],
)
def test_a_body_is_described_in_a_few_words(body: Any, words: str) -> None:
    assert describe(body, NODES) == words


@pytest.mark.parametrize("count", [5, "5", 5.0, " 5 "])
def test_a_count_of_another_type_counts(count: Any) -> None:
    assert page({"nodes": [], "totalCount": count}).count == 5


@pytest.mark.parametrize("count", [None, True, "many", [5], {}, 2.5, 10**400, "9" * 5000])
def test_a_count_that_is_no_number_is_taken_for_none(count: Any) -> None:
    assert page({"nodes": [], "totalCount": count}).count is None
    assert page({"nodes": []}).count is None


def test_an_error_text_shows_hostile_names_readable_and_short() -> None:
    error = refused("\x1b[31m", nodes_of("p1", "2", "\x1b[31mred\x07\n" + "x" * 10_000))
    assert str(error).isprintable()
    assert len(str(error)) < 1000


def test_a_string_that_many_rows_have_is_kept_once() -> None:
    first, second = page(
        json.loads('{"nodes": [{"nodeId": "n1", "state": "RUNNING!"}, {"nodeId": "n2", "state": "RUNNING!"}]}')
    ).entries
    assert first.row["state"] is second.row["state"]
