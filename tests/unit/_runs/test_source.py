# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the cache or from the service: what is asked, what is stored, and what the user is printed; `responses` plays the API."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from ansible.errors import AnsibleError

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api import transport
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.credentials import CredentialOptions
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import (
    ConfigurationError,
    ServerError,
    TimeExceeded,
    WaitError,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._options import Options
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs import source as _source
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.source import Snapshot
from ansible_collections.navercloud.nsml.tests.unit import options
from ansible_collections.navercloud.nsml.tests.unit.inventory import PROJECT_ID, URL, row, rows, serve, serve_nodes

KEYS = CredentialOptions("accessKey0000000", "secretKey0000000", "apiKey0000000000")
PENDING = {"state": "NODE_STATE_PENDING", "host": None, "sshPort": None}


@pytest.fixture(autouse=True)
def _api() -> Iterator[None]:
    with responses.mock:
        yield


@dataclass
class Printed:
    """What the user would see."""

    notices: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    traced: list[str] = field(default_factory=list)

    @property
    def counts(self) -> list[str]:
        """How many nodes came from where."""
        return [line for line in self.details if line.startswith("Nodes: ")]

    @property
    def reporter(self) -> _source.Reporter:
        return _source.Reporter(
            notify=self.notices.append, verbose=self.details.append, warning=self.warnings.append, trace=self.traced.append
        )


@pytest.fixture
def printed() -> Printed:
    return Printed()


def chosen(**changes: Any) -> Options:
    """Return options with the keys, unless others are given."""
    keys = changes.pop("credentials", KEYS)
    return replace(options.check(**{"project": PROJECT_ID, "run": 2, "retries": 0, **changes}), credentials=keys)


def read_cached(
    wanted: Options, reporter: _source.Reporter, cache: dict[str, Any], *, name: str = "jsonfile", refresh: bool = False
) -> list[RunRows]:
    return _source.read_cached(wanted, reporter, cache, name=name, refresh=refresh, damage=AnsibleError).runs


def sent(call: int = 0) -> requests.PreparedRequest:
    return responses.calls[call].request


def test_the_service_is_asked_as_the_options_are(printed: Printed, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("")
    responses.get(f"https://proxy.example/v1/projects/{PROJECT_ID}/runs/2/nodes", json={"nodes": rows(3), "totalCount": 3})
    changes = {"api_url": "https://proxy.example/v1", "page_size": 37, "timeout": 7.5, "ca_path": str(authority)}
    (found,) = _source.read(chosen(**changes), printed.reporter).runs
    assert (found.run.name, found.rows) == ("2", rows(3))
    assert str(sent().url).endswith("?page=1&pageSize=37")
    assert sent().headers["x-ncp-iam-access-key"] == KEYS.access_key
    assert sent().headers["x-ncp-apigw-api-key"] == KEYS.api_key
    settings: dict[str, Any] = vars(sent())["req_kwargs"]  # where `responses` notes how it was sent
    assert settings["verify"] == str(authority)
    assert 7 < settings["timeout"] <= 7.5
    assert (printed.notices, printed.warnings) == ([], [])
    assert re.fullmatch(r"Nodes: 3, runs: 1, from the service, requests: 1, seconds: \d\.\d\d", printed.counts[0])


def test_requests_are_traced(printed: Printed) -> None:
    responses.get(f"{URL}/projects/{PROJECT_ID}/runs/2/nodes", json={"nodes": rows(3), "totalCount": 3})
    _source.read(chosen(), printed.reporter)
    exchange, proof = printed.traced
    path = f"GET {urlsplit(URL).path}/projects/{PROJECT_ID}/runs/2/nodes"
    assert exchange.startswith(f"{path}?page=1&pageSize=100: 200, 3 rows, totalCount 3, ")
    assert proof == f"{path}: list complete, rows: 3, because page 1 has fewer than 10 rows"


def test_that_nobody_checks_the_certificate_is_a_warning(printed: Printed) -> None:
    responses.get(f"{URL}/projects/{PROJECT_ID}/runs/2/nodes", json={"nodes": rows(3), "totalCount": 3})
    _source.read(chosen(validate_certs=False), printed.reporter)
    assert ["'validate_certs' is false" in warning for warning in printed.warnings] == [True]


def test_a_project_without_the_run_is_a_warning(printed: Printed) -> None:
    projects = [{"projectId": f"abc123ygz0iujnxy{name}", "projectName": name} for name in ("bert", "gpt")]
    serve("/projects", {"projects": projects, "totalCount": 2})
    serve("/projects/runs", {"runList": [projects[0] | {"runName": "2"}], "totalCount": 1})
    serve_nodes(rows(1), project=projects[0]["projectId"])
    _source.read(chosen(project="bert,gpt"), printed.reporter)
    assert printed.warnings == ["Run '2' was not found in these projects: gpt."]


def test_what_is_waited_for_is_a_notice(printed: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_FIRST_NOTICE", 0.0)
    noticed = threading.Event()

    def notify(line: str) -> None:
        printed.notices.append(line)
        noticed.set()

    def answer(_request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        assert noticed.wait(20)
        return 200, {}, json.dumps({"nodes": rows(1), "totalCount": 1})

    responses.add_callback("GET", f"{URL}/projects/{PROJECT_ID}/runs/2/nodes", answer)
    _source.read(chosen(), printed.reporter._replace(notify=notify))
    assert printed.notices == [
        f"Waiting for the nodes of run 2 of project {PROJECT_ID} from {urlsplit(URL).netloc}: no response yet."
    ]


def test_a_page_size_that_is_refused_is_a_detail(printed: Printed) -> None:
    path = f"{URL}/projects/{PROJECT_ID}/runs/2/nodes"
    responses.get(path, status=400, match=[responses.matchers.query_param_matcher({"page": 1, "pageSize": 100})])
    responses.get(path, json={"nodes": rows(1), "totalCount": 1})
    (found,) = _source.read(chosen(), printed.reporter).runs
    assert found.rows == rows(1)
    assert ["refused 'page_size' 100" in line for line in printed.details].count(True) == 1


@pytest.mark.parametrize("concurrency", [1, 3])
def test_as_many_pages_are_asked_for_at_once_as_the_options_allow(printed: Printed, concurrency: int) -> None:
    # Pages 2 to 13: the barrier opens only when so many are there at once, and the semaphore has no space for one more.
    together, space = threading.Barrier(concurrency, timeout=20), threading.Semaphore(concurrency)

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        page = int(parse_qs(urlsplit(str(request.url)).query)["page"][0])
        if page > 1:
            assert space.acquire(blocking=False), "one more than concurrency allows"
            together.wait()
            space.release()
        nodes = rows(125)[10 * (page - 1) : 10 * page]
        return 200, {}, json.dumps({"nodes": nodes, "totalCount": 125})

    responses.add_callback("GET", f"{URL}/projects/{PROJECT_ID}/runs/2/nodes", answer)
    (found,) = _source.read(chosen(concurrency=concurrency, page_size=10), printed.reporter).runs
    assert found.rows == rows(125)


def test_as_many_faults_are_retried_as_the_options_allow(printed: Printed) -> None:
    serve_faults()
    with pytest.raises(ServerError):
        _source.read(chosen(retries=0), printed.reporter)
    assert len(responses.calls) == 1


def test_the_deadline_is_that_of_the_options(printed: Printed) -> None:
    with pytest.raises(TimeExceeded, match="the deadline of 1e-09 s "):
        _source.read(chosen(deadline=1e-9), printed.reporter)


@pytest.mark.parametrize("fails", [False, True])
def test_no_connection_is_left_open(printed: Printed, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    closed: list[requests.Session] = []

    def close(session: requests.Session) -> None:
        closed.append(session)

    monkeypatch.setattr(requests.Session, "close", close)
    if fails:
        serve_faults()
        with pytest.raises(ServerError):
            _source.read(chosen(), printed.reporter)
    else:
        serve_nodes(rows(1))
        _source.read(chosen(), printed.reporter)
    assert len(closed) == 1


def test_nothing_is_sent_without_keys(printed: Printed) -> None:
    with pytest.raises(ConfigurationError, match="access_key"):
        _source.read(chosen(credentials=CredentialOptions()), printed.reporter)
    assert len(responses.calls) == 0


def test_a_file_of_keys_that_others_can_read_is_warned_of(printed: Printed) -> None:
    configure = Path("~/.ncloud/configure").expanduser()
    configure.parent.mkdir()
    configure.write_text("ncloud_access_key_id=fileAccess000\nncloud_secret_access_key=fileSecret000\n")
    configure.chmod(0o644)
    serve_nodes(rows(1))
    _source.read(chosen(credentials=CredentialOptions(api_key=KEYS.api_key)), printed.reporter)
    assert len(printed.warnings) == 1
    read_cached(chosen(credentials=CredentialOptions(api_key=KEYS.api_key)), printed.reporter, {})
    assert len(printed.warnings) == 3  # whose key it is, and then the keys


def test_what_is_not_ready_is_waited_for(printed: Printed) -> None:
    path = f"/projects/{PROJECT_ID}/runs/2"
    serve_nodes([row(**PENDING)])
    serve_nodes([row()])
    serve(path, {"status": "RUN_STATE_IN_PROGRESS"})
    (found,) = _source.read(chosen(wait_timeout=60, wait_interval=0.01), printed.reporter).runs
    assert found.rows == [row()]
    assert [str(call.request.path_url).partition("?")[0] for call in responses.calls] == [
        f"/nsml/v1{path}/nodes",
        f"/nsml/v1{path}",
        f"/nsml/v1{path}/nodes",
    ]
    assert printed.notices == ["Run 2 of project project: 0 of 1 nodes ready, waiting for rank 0 (NODE_STATE_PENDING)"]
    assert printed.counts[0].startswith("Nodes: 1, runs: 1, from the service, requests: 3, seconds: ")


def test_a_run_that_is_over_is_not_waited_for(printed: Printed) -> None:
    serve_nodes([row(**PENDING)])
    serve(f"/projects/{PROJECT_ID}/runs/2", {"status": "RUN_STATE_COMPLETED"})
    with pytest.raises(WaitError, match="has ended"):
        _source.read(chosen(wait_timeout=60), printed.reporter)


def serve_runs(**statuses: str) -> None:
    listed = [
        {"runName": name[1:], "projectId": PROJECT_ID, "projectName": "bert", "status": status}
        for name, status in statuses.items()
    ]
    serve("/projects/runs", {"runList": listed})


def test_where_no_run_is_chosen_the_runs_of_the_project_are_printed_with_their_states(printed: Printed) -> None:
    serve_runs(r1="RUN_STATE_COMPLETED", r2="FAILED")
    cache: dict[str, Any] = {}
    none = "No run matches 'run': active. This inventory file adds no hosts."

    assert read_cached(chosen(run="active"), printed.reporter, cache) == []
    assert printed.notices == [f"{none} Available runs: 2 of bert (FAILED), 1 of bert (RUN_STATE_COMPLETED)."]
    assert read_cached(chosen(run="active"), printed.reporter, cache) == []
    assert printed.notices[1:] == printed.notices[:1]


def test_runs_of_unknown_status_without_nodes_are_named_together_in_one_line_for_those_who_want_details(printed: Printed) -> None:
    serve_runs(r1="FOO", r2="BAR", r3="RUN_STATE_IN_PROGRESS", r4="FOO")
    for run in "123":
        serve_nodes([], run=run)
    serve_nodes([row()], run="4")

    _source.read(chosen(run=["active", 1]), printed.reporter)

    assert [line for line in printed.details if "unknown" in line] == [
        "Runs with an unknown status and no nodes: 2 of bert (BAR)"
    ]
    assert printed.notices == []


def test_runs_without_nodes_of_which_some_are_expected_are_one_warning_with_their_states_from_the_cache_too(
    printed: Printed,
) -> None:
    serve_runs(r1="FOO", r2="BAR", r3="RUN_STATE_IN_PROGRESS", r4="PENDING", r5="COMPLETED", r6="RUNNING")
    for run in "12345":
        serve_nodes([], run=run)
    serve_nodes([row()], run="6")
    cache: dict[str, Any] = {}
    warning = (
        "These runs have no nodes and add no hosts: 1 of bert (FOO), 3 of bert (RUN_STATE_IN_PROGRESS), 4 of bert (PENDING)."
    )

    for _time in range(2):
        read_cached(chosen(run=["all", 1]), printed.reporter, cache)

    assert printed.warnings == [warning, warning]
    assert "from the cache" in printed.counts[1]


@pytest.mark.parametrize("body", [{"status": "RUN_STATE_COMPLETED"}, {}])
def test_a_named_run_without_nodes_is_asked_for_its_status_which_the_cache_keeps(printed: Printed, body: dict[str, str]) -> None:
    serve_nodes([])
    serve(f"/projects/{PROJECT_ID}/runs/2", body)
    cache: dict[str, Any] = {}
    status = body.get("status", "no status")

    for _time in range(2):
        read_cached(chosen(), printed.reporter, cache)

    assert printed.warnings == [f"These runs have no nodes and add no hosts: 2 of {PROJECT_ID} ({status})."] * 2
    assert [call.request.path_url.endswith("/runs/2") for call in responses.calls].count(True) == 1


def test_a_named_run_with_nodes_is_not_asked_for_its_status(printed: Printed) -> None:
    serve_nodes([row()])
    _source.read(chosen(), printed.reporter)
    assert (len(responses.calls), printed.warnings) == (1, [])


def test_wait_nodes_without_wait_timeout_is_a_warning(printed: Printed) -> None:
    serve_nodes([row()])
    _source.read(chosen(wait_nodes=1), printed.reporter)
    assert printed.warnings == ["'wait_nodes' has no effect without 'wait_timeout'. Set 'wait_timeout' to a number of seconds."]
    _source.read(chosen(wait_nodes=1, wait_timeout=60), printed.reporter)
    assert len(printed.warnings) == 1


def test_the_end_of_waiting_for_no_run_lists_the_runs_with_their_states(printed: Printed) -> None:
    serve_runs(r1="COMPLETED")
    with pytest.raises(WaitError, match=r"No run matches 'run' yet: .*\. Available runs: 1 of bert \(COMPLETED\)\. Check"):
        _source.read(chosen(run="active", wait_timeout=1, wait_interval=0.01), printed.reporter)


def test_without_a_time_to_wait_the_nodes_are_taken_as_they_are(printed: Printed) -> None:
    serve_nodes([row(**PENDING)])
    (found,) = _source.read(chosen(), printed.reporter).runs
    assert found.rows == [row(**PENDING)]
    assert printed.notices == []


# The cache.


def key_of(wanted: Options, access_key: str | None = KEYS.access_key) -> str:
    return _source.cache_key(wanted.api_url, str(access_key), wanted.selection)


def stored(read: list[RunRows], wanted: Options, seconds_ago: float = 0) -> dict[str, Any]:
    """Return a cache that holds this."""
    key = key_of(wanted)
    return {key: _source.dump_snapshot(Snapshot(read, time.time() - seconds_ago), key)}


RUN = Run(PROJECT_ID, "2", "project")
REMEMBERED = [RunRows(RUN, rows(2)), RunRows(Run(PROJECT_ID, "3", "project"), rows(3))]


def test_what_the_cache_holds_is_taken_without_a_request_or_a_secret(printed: Printed) -> None:
    cache = stored(REMEMBERED, chosen(), seconds_ago=90)
    assert (
        read_cached(chosen(credentials=CredentialOptions(KEYS.access_key)), printed.reporter, cache, refresh=False) == REMEMBERED
    )
    assert len(responses.calls) == 0
    assert re.fullmatch(r"Nodes: 5, runs: 2, from the cache, 9\d s old", printed.counts[0])


def test_what_a_clock_ahead_of_ours_has_stored_is_not_older_than_now(printed: Printed) -> None:
    cache = stored(REMEMBERED, chosen(), seconds_ago=-90)
    assert read_cached(chosen(), printed.reporter, cache) == REMEMBERED
    assert printed.details == ["Nodes: 5, runs: 2, from the cache, 0 s old"]


@pytest.mark.parametrize(
    ("held", "refresh"),
    [
        ({}, False),
        ({key_of(chosen()): "damaged"}, False),
        (stored(REMEMBERED, chosen(run=3)), False),
        (stored(REMEMBERED, chosen()), True),
    ],
    ids=["empty", "damaged", "another run", "refresh"],
)
def test_a_miss_is_read_and_stored(printed: Printed, held: dict[str, Any], refresh: bool) -> None:
    cache = dict(held)
    serve_nodes(rows(4))
    read = read_cached(chosen(), printed.reporter, cache, refresh=refresh)
    assert [found.rows for found in read] == [rows(4)]
    assert printed.counts[0].startswith("Nodes: 4, runs: 1, from the service, requests: 1,")
    snapshot = _source.load_snapshot(cache[key_of(chosen())], key_of(chosen()))
    assert snapshot
    assert snapshot.runs == read
    assert 0 <= time.time() - snapshot.read_at < 10
    assert read_cached(chosen(), printed.reporter, cache) == read
    assert len(responses.calls) == 1


class BrokenCache(dict[str, Any]):
    """Fails as Ansible's caches do."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getitem__(self, key: str) -> Any:
        raise self._error


@pytest.mark.parametrize("error", [KeyError("expired"), TypeError("no text"), AnsibleError("The cache file is corrupt")])
def test_a_cache_that_cannot_be_read_is_a_miss(printed: Printed, error: Exception) -> None:
    serve_nodes(rows(1))
    cache = BrokenCache(error)
    (found,) = read_cached(chosen(), printed.reporter, cache)
    assert found.rows == rows(1)
    assert list(cache) == [key_of(chosen())]


@pytest.mark.parametrize(
    "error", [ConnectionError("Error 111 connecting to redis:6379."), PermissionError(13, "No"), Exception("x")]
)
def test_a_cache_that_fails_in_any_other_way_costs_one_warning_that_names_it_and_no_host(
    printed: Printed, error: Exception
) -> None:
    serve_nodes(rows(1))
    cache = BrokenCache(error)
    (found,) = read_cached(chosen(), printed.reporter, cache, name="community.general.redis")
    assert found.rows == rows(1)
    assert printed.warnings == [
        f"Cannot read the cache 'community.general.redis': {str(error).rstrip('.')}. Reading the nodes from the service."
    ]
    assert list(cache) == []  # it would fail once more


def test_a_failed_reading_is_not_stored(printed: Printed) -> None:
    serve_faults()
    cache = stored(REMEMBERED, chosen())
    before = dict(cache)
    with pytest.raises(ServerError):
        read_cached(chosen(), printed.reporter, cache, refresh=True)
    assert cache == before


@pytest.mark.parametrize(("wait_timeout", "requests_made"), [(0, 0), (60, 1)])
def test_what_is_not_ready_is_a_miss_for_one_who_waits(printed: Printed, wait_timeout: int, requests_made: int) -> None:
    cache = stored([RunRows(RUN, [row(**PENDING)])], chosen())
    serve_nodes([row()])
    read_cached(chosen(wait_timeout=wait_timeout), printed.reporter, cache)
    assert len(responses.calls) == requests_made


def test_what_is_ready_is_a_hit_for_one_who_waits(printed: Printed) -> None:
    read_cached(chosen(wait_timeout=60), printed.reporter, stored(REMEMBERED, chosen()), refresh=False)
    assert len(responses.calls) == 0


def serve_faults() -> None:
    """Have the API fail, always."""
    responses.get(re.compile(re.escape(URL)), status=503)
