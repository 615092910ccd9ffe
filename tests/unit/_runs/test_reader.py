# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One reading: the runs that are meant and all their nodes, for as few lists as that takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.client import Client
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.endpoints import PROJECTS, RUNS, Endpoint, nodes_of
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.transport import Deadline
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import (
    ConnectionFailed,
    IncompleteError,
    NotFoundError,
    PermissionDenied,
    RequestError,
    ResponseError,
    SelectionError,
    ServerError,
    StatusError,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.reader import Reader
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import Selection
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.waiting import LASTING
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row

BERT, ID_LIKE_NAME = "abc123ygz0iujnbert00", "resnet50imagenet2024"
RUNNING = "RUN_STATE_IN_PROGRESS"
DEADLINE = Deadline(60)


class FakeApi:
    """Answers lists by their paths: rows, an error, or else a 404; and notes which were asked for together."""

    def __init__(self, lists: dict[str, list[Row] | RequestError]) -> None:
        self.lists = lists
        self.asked: list[list[str]] = []

    def read(self, endpoints: Sequence[Endpoint], deadline: Deadline) -> list[list[Row]]:
        assert deadline is DEADLINE
        self.asked.append([endpoint.path for endpoint in endpoints])
        return [self._rows(endpoint) for endpoint in endpoints]

    def _rows(self, endpoint: Endpoint) -> list[Row]:
        answer = self.lists.get(endpoint.path, not_found(endpoint))
        if isinstance(answer, RequestError):
            raise answer
        return answer


def not_found(endpoint: Endpoint) -> NotFoundError:
    return NotFoundError(endpoint.what, f"GET {endpoint.path}", "HTTP 404, code 300.", "Check project and run.", status=404)


def projects(**names: str) -> list[Row]:
    return [{"projectId": project, "projectName": name} for project, name in names.items()]


def refused(project: str, run: str, status: int) -> StatusError:
    kind = {403: PermissionDenied, 404: NotFoundError}.get(status, StatusError)
    endpoint = nodes_of(project, run)
    return kind(endpoint.what, f"GET {endpoint.path}", f"HTTP {status}.", "Check the options.", status=status)


def runs(project: str, **statuses: str | None) -> list[Row]:
    return [{"projectId": project, "runName": name[1:], "status": status} for name, status in statuses.items()]


def nodes(*ids: str, project_name: object = "bert") -> list[Row]:
    return [{"nodeId": node, "projectName": project_name} for node in ids]


def path(project: str, run: str) -> str:
    return nodes_of(project, run).path


def read_runs(api: FakeApi, project: str | None, *chosen: str) -> list[RunRows]:
    return Reader(cast(Client, api), Selection((project,) if project else (), chosen)).read(DEADLINE)


def listed(found: Sequence[RunRows]) -> dict[tuple[str, str], list[Any]]:
    return {(item.run.project_id, item.run.name): [row["nodeId"] for row in item.rows] for item in found}


def bert() -> FakeApi:
    return FakeApi(
        {
            PROJECTS.path: projects(**{BERT: "bert", "p2": ID_LIKE_NAME}),
            RUNS.path: runs(BERT, r2=RUNNING, r10=RUNNING, r1="RUN_STATE_COMPLETED") + runs("p2", r4="RUN_STATE_COMPLETED"),
            path(BERT, "1"): [],
            path(BERT, "2"): nodes("a", "b"),
            path(BERT, "10"): nodes("c"),
            path("p2", "4"): nodes("d", project_name=ID_LIKE_NAME),
        }
    )


@pytest.mark.parametrize(
    ("project", "chosen", "asked", "found"),
    [
        (BERT, ("2",), [[path(BERT, "2")]], {(BERT, "2"): ["a", "b"]}),
        (BERT, ("10", "2"), [[path(BERT, "2"), path(BERT, "10")]], {(BERT, "2"): ["a", "b"], (BERT, "10"): ["c"]}),
        ("bert", ("2",), [[PROJECTS.path], [path(BERT, "2")]], {(BERT, "2"): ["a", "b"]}),
        (BERT, ("latest",), [[RUNS.path], [path(BERT, "10")]], {(BERT, "10"): ["c"]}),
        ("bert", ("latest",), [[PROJECTS.path, RUNS.path], [path(BERT, "10")]], {(BERT, "10"): ["c"]}),
        (
            None,
            ("active",),
            [[RUNS.path], [path(BERT, "2"), path(BERT, "10")]],
            {(BERT, "2"): ["a", "b"], (BERT, "10"): ["c"]},
        ),
        (BERT, ("1",), [[path(BERT, "1")]], {(BERT, "1"): []}),
    ],
)
def test_a_reading_asks_for_no_more_lists_than_it_needs(
    project: str | None, chosen: tuple[str, ...], asked: list[list[str]], found: dict[tuple[str, str], list[str]]
) -> None:
    api = bert()
    assert listed(read_runs(api, project, *chosen)) == found
    assert api.asked == asked


def test_no_run_in_progress_is_no_failure_and_reads_no_nodes() -> None:
    api = FakeApi({RUNS.path: runs(BERT, r1="RUN_STATE_COMPLETED")})
    assert read_runs(api, BERT, "active") == []
    assert [asked for asked in api.asked if asked] == [[RUNS.path]]


def test_the_name_of_a_project_given_by_id_comes_from_its_nodes() -> None:
    for names, title in (
        (["7", "bert", "bert"], "bert"),
        (["x", "bert", "bert"], "bert"),
        ([None, 5], "5"),
        (["", None, "bert"], "bert"),
        ([None], BERT),
        ([["x"]], BERT),
    ):
        rows = [row for name in names for row in nodes("n", project_name=name)]
        (found,) = read_runs(FakeApi({path(BERT, "2"): rows}), BERT, "2")
        assert found.run.project_title == title


def test_a_name_that_resembles_an_id_is_found_after_a_404() -> None:
    api = bert()
    (found,) = read_runs(api, ID_LIKE_NAME, "4")
    assert (found.run.project_id, found.run.project_title) == ("p2", ID_LIKE_NAME)
    assert api.asked == [[path(ID_LIKE_NAME, "4")], [PROJECTS.path, RUNS.path], [path("p2", "4")]]


@pytest.mark.parametrize("project", [BERT, "bert"])
def test_a_run_that_does_not_exist_is_explained_with_the_runs_there_are_and_the_first_answer(project: str) -> None:
    with pytest.raises(SelectionError) as error:
        read_runs(bert(), project, "11")
    text = str(error.value)
    assert (
        "Run '11' was not found in project bert. Available runs: 1 (RUN_STATE_COMPLETED), 10 (RUN_STATE_IN_PROGRESS), 2 (" in text
    )
    assert f"GET {path(BERT, '11')}: HTTP 404, code 300." in text


def test_a_project_that_does_not_exist_is_explained_with_those_visible() -> None:
    with pytest.raises(SelectionError, match=f"Project 'abc123ygz0iujnbert01' was not found.*: bert \\({BERT}\\), "):
        read_runs(bert(), "abc123ygz0iujnbert01", "2")


@pytest.mark.parametrize("failing", [PROJECTS, RUNS], ids=["projects", "runs"])
@pytest.mark.parametrize("kind", [PermissionDenied, ConnectionFailed])
def test_when_the_explanation_fails_too_the_404_itself_is_the_error(failing: Endpoint, kind: type[RequestError]) -> None:
    api = bert()
    status = {"status": 403} if kind is PermissionDenied else {}
    api.lists[failing.path] = kind("the list", "GET /x", "it failed.", "", **status)
    with pytest.raises(NotFoundError) as error:
        read_runs(api, BERT, "11")
    assert error.value.where == f"GET {path(BERT, '11')}"
    assert error.value.__suppress_context__


@pytest.mark.parametrize("status", [200, 400, 403, 406])
def test_a_name_that_resembles_an_id_is_found_after_any_refusal(status: int) -> None:
    api = bert()
    api.lists[path(ID_LIKE_NAME, "4")] = refused(ID_LIKE_NAME, "4", status)
    (found,) = read_runs(api, ID_LIKE_NAME, "4")
    assert (found.run.project_id, len(found.rows)) == ("p2", 1)


@pytest.mark.parametrize("state", [RUNNING, "FROBNICATING", None])
@pytest.mark.parametrize("status", [200, 400, 404, 406])
def test_nodes_that_are_refused_of_a_run_that_goes_on_are_an_error_that_passes(status: int, state: str | None) -> None:
    api = bert()
    api.lists[RUNS.path] = runs(BERT, r2=state)
    api.lists[path(BERT, "2")] = refused(BERT, "2", status)
    with pytest.raises(ResponseError) as error:
        read_runs(api, BERT, "2")
    assert f"HTTP {status}. The service lists this run ({state or 'no status'}), but not its nodes." in str(error.value)
    assert not isinstance(error.value, LASTING)
    assert api.asked == [[path(BERT, "2")], [PROJECTS.path, RUNS.path], [path(BERT, "2")]]


@pytest.mark.parametrize("chosen", ["1", "all"])
@pytest.mark.parametrize("state", ["RUN_STATE_COMPLETED", "failed", "RUN_STATE_PENDING"])
@pytest.mark.parametrize("status", [400, 404, 406])
def test_the_empty_list_of_a_run_that_has_begun_or_ended_may_be_refused(status: int, state: str, chosen: str) -> None:
    api = bert()
    api.lists[RUNS.path] = runs(BERT, r1=state, r2=RUNNING)
    api.lists[path(BERT, "1")] = refused(BERT, "1", status)
    expected = {(BERT, "1"): [], (BERT, "2"): ["a", "b"]} if chosen == "all" else {(BERT, "1"): []}
    assert listed(read_runs(api, BERT, chosen)) == expected


def test_an_error_of_the_services_own_is_no_empty_list_of_a_run_that_has_ended() -> None:
    api = bert()
    api.lists[path(BERT, "1")] = refused(BERT, "1", 200)
    with pytest.raises(ResponseError, match=r"The service lists this run .*, but not its nodes\."):
        read_runs(api, BERT, "1")


@pytest.mark.parametrize(("kind", "status"), [(PermissionDenied, 403), (ServerError, 500), (IncompleteError, None)])
def test_another_error_of_a_run_that_has_ended_is_no_empty_list(kind: type[RequestError], status: int | None) -> None:
    api = bert()
    api.lists[path(BERT, "1")] = kind("the nodes", "GET /x", "it failed.", "", **({"status": status} if status else {}))
    with pytest.raises(kind):
        read_runs(api, BERT, "1")


def test_an_error_names_the_project_as_the_user_does() -> None:
    api = bert()
    del api.lists[path(BERT, "2")]
    with pytest.raises(ResponseError) as error:
        read_runs(api, "bert", "2")
    assert error.value.what == "the nodes of run 2 of project bert"


def test_a_run_that_ends_and_goes_while_it_is_read_is_left_out() -> None:
    api = bert()
    del api.lists[path(BERT, "2")]

    class Forgetful(FakeApi):
        def read(self, endpoints: Sequence[Endpoint], deadline: Deadline) -> list[list[Row]]:
            try:
                return super().read(endpoints, deadline)
            except NotFoundError:
                self.lists[RUNS.path] = runs(BERT, r10=RUNNING)
                raise

    assert listed(read_runs(Forgetful(api.lists), BERT, "active")) == {(BERT, "10"): ["c"]}


class Restless(FakeApi):
    """Each run in progress goes as soon as its nodes are asked for, and the next one begins, until the last."""

    def __init__(self, last: int) -> None:
        super().__init__({PROJECTS.path: projects(**{BERT: "bert"}), path(BERT, str(last)): nodes("a")})
        self._number = 0
        self._begin()

    def _begin(self) -> None:
        self._number += 1
        self.lists[RUNS.path] = runs(BERT, **{f"r{self._number}": RUNNING})

    def read(self, endpoints: Sequence[Endpoint], deadline: Deadline) -> list[list[Row]]:
        try:
            return super().read(endpoints, deadline)
        except NotFoundError:
            self._begin()
            raise


def test_runs_that_go_one_after_the_other_are_looked_up_again() -> None:
    assert listed(read_runs(Restless(last=6), BERT, "active")) == {(BERT, "6"): ["a"]}


def test_runs_that_go_without_end_are_an_error() -> None:
    with pytest.raises(NotFoundError):
        read_runs(Restless(last=7), BERT, "active")


@pytest.mark.parametrize("kind", [PermissionDenied, ServerError, ResponseError])
def test_an_error_on_one_run_of_many_names_it_and_how_to_leave_it_out(kind: type[RequestError]) -> None:
    api = bert()
    api.lists[RUNS.path] = runs(BERT, r2=RUNNING) + runs("p2", r4=RUNNING)
    where = path("p2", "4")
    status = {} if kind is ResponseError else {"status": 403}
    api.lists[where] = kind(nodes_of("p2", "4", "gpt").what, f"GET {where}", "it failed.", "Check it.", **status)
    with pytest.raises(kind) as error:
        read_runs(api, None, "all")
    assert str(error.value) == (
        f"Cannot read the nodes of run 4 of project gpt: GET {where}: it failed. Check it."
        " To exclude this run, list the other runs in 'run', or choose another 'project'."
    )


def test_an_error_on_the_only_run_gives_no_advice_to_leave_it_out() -> None:
    api = bert()
    api.lists[path(BERT, "2")] = ServerError("the nodes", "GET /x", "it failed.", "Check it.", status=500)
    with pytest.raises(ServerError) as error:
        read_runs(api, BERT, "2")
    assert "exclude" not in str(error.value)


def test_other_errors_are_not_explained() -> None:
    api = bert()
    api.lists[path(BERT, "2")] = ConnectionFailed("the nodes", "GET /x", "it broke.", "")
    with pytest.raises(ConnectionFailed):
        read_runs(api, BERT, "2")
    assert len(api.asked) == 1


@pytest.mark.parametrize("run", [".", "..", "\ud800"])
def test_a_run_that_no_path_can_hold_is_refused_before_any_request(run: str) -> None:
    api = bert()
    with pytest.raises(SelectionError, match="is not a valid name"):
        read_runs(api, BERT, run)
    assert api.asked == []


def test_an_id_of_the_service_that_no_path_can_hold_is_refused() -> None:
    api = FakeApi({RUNS.path: runs("..", r2=RUNNING)})
    with pytest.raises(SelectionError, match="is not a valid name"):
        read_runs(api, None, "active")
    assert api.asked == [[RUNS.path]]
