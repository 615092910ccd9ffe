# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulator keeps its promises: whoever tests against it may rely on these."""

from __future__ import annotations

import os
import shlex
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from ansible_collections.navercloud.nsml.tests import processes
from ansible_collections.navercloud.nsml.tests.simulator import (
    ABSENT,
    NODE_PENDING,
    NODE_RUNNING,
    Answer,
    Behaviour,
    Node,
    Project,
    Run,
    Simulator,
    sign,
    vendor_example,
)

ROOT = Path(__file__).resolve().parents[2]
WAIT_SECONDS = 60.0
NODES = "/projects/abc123ygz0iujnxyz/runs/2/nodes"


class Clock:
    """A clock that stands still until a test moves it."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def bert(*nodes: Node) -> list[Project]:
    return [Project("bert", id="abc123ygz0iujnxyz", runs=[Run("2", nodes=list(nodes))])]


def ask(
    sim: Simulator,
    path: str,
    *,
    method: str = "GET",
    at: float | None = None,
    changed: dict[str, str | None] | None = None,
    session: requests.Session | None = None,
) -> requests.Response:
    """Send one signed request, with some headers changed, or left out when None."""
    timestamp = str(int((time.time() if at is None else at) * 1000))
    access_key, secret_key = sim.credentials.access_key, sim.credentials.secret_key
    headers = {
        "Content-Type": "application/json",
        "x-ncp-apigw-timestamp": timestamp,
        "x-ncp-iam-access-key": access_key,
        "x-ncp-apigw-signature-v2": sign(method, "/nsml/v1" + path, timestamp, access_key, secret_key),
        "x-ncp-apigw-api-key": sim.credentials.api_key,
        **(changed or {}),
    }
    with session or requests.Session() as chosen:
        return chosen.request(method, sim.url + path, headers=headers, timeout=WAIT_SECONDS)


def ranks(sim: Simulator, query: str = "") -> list[int]:
    return [row["rank"] for row in ask(sim, NODES + query).json()["nodes"]]


def node_row(sim: Simulator) -> Any:
    (row,) = ask(sim, NODES).json()["nodes"]
    return row


def error(response: requests.Response) -> tuple[int, str, str]:
    body = response.json()["error"]
    return response.status_code, body["errorCode"], body["message"]


@pytest.fixture(scope="module")
def plain() -> Iterator[Simulator]:
    with Simulator(bert(*(Node(rank=rank) for rank in range(25)))) as sim:
        yield sim


# --- The gateway ---


@pytest.mark.parametrize(
    ("path", "signature"),
    [
        ("/photos/puppy.jpg?query1=&query2", "LFS4xFzr56PJJuclmvNzKwxfUoZeVuQMrxsklf6S1vo="),
        ("/nsml/v1/projects?page=1&pageSize=10", "x+MBjWxP7HbwCyg/EO/FgCgCzzDibB3um00WLPRRSsA="),
        ("/nsml/v1/projects/runs?page=1&pageSize=10", "3CACMcEw6rinQ158QWLw+8SItelrhdpAEFxKik80P9Q="),
        ("/nsml/v1" + NODES, "llc5svo5Rob2vWXDx+z1Y86yG8IkxCFiVmGlSKlwcYc="),
        ("/nsml/v1" + NODES + "?page=1&pageSize=100", "CTHdMCjBleiYRS0LlPhl3ypdNJrjx++eJ2zTYt0z1gc="),
    ],
)
def test_signature_fits_the_known_vectors(path: str, signature: str) -> None:
    secret_key = "testSecretKey00000000000000000000000000"
    assert sign("GET", path, "1505290625682", "testAccessKey0000000", secret_key) == signature


@pytest.mark.parametrize(
    ("header", "value", "expected"),
    [
        ("x-ncp-apigw-timestamp", None, (401, "200", "Authentication Failed")),
        ("x-ncp-apigw-timestamp", "1505290625682", (401, "200", "Authentication Failed")),
        ("x-ncp-iam-access-key", None, (401, "200", "Authentication Failed")),
        ("x-ncp-iam-access-key", "someoneElse", (401, "200", "Authentication Failed")),
        ("x-ncp-apigw-signature-v2", None, (401, "200", "Authentication Failed")),
        ("x-ncp-apigw-signature-v2", "bm90IHRoZSBzaWduYXR1cmU=", (401, "200", "Authentication Failed")),
        ("x-ncp-apigw-api-key", None, (401, "210", "Permission Denied")),
        ("x-ncp-apigw-api-key", "notSubscribed", (401, "210", "Permission Denied")),
        ("Content-Type", None, (400, "100", "Bad Request Exception")),
    ],
)
def test_each_header_is_checked(plain: Simulator, header: str, value: str | None, expected: tuple[int, str, str]) -> None:
    assert error(ask(plain, "/projects", changed={header: value})) == expected


def test_signature_covers_the_query_as_sent(plain: Simulator) -> None:
    signed = ask(plain, "/projects?page=1").request.headers
    assert error(requests.get(plain.url + "/projects?page=2", headers=signed, timeout=WAIT_SECONDS))[:2] == (401, "200")


@pytest.mark.parametrize(("seconds", "status"), [(-290, 200), (290, 200), (-310, 401), (310, 401)])
def test_clocks_may_differ_by_less_than_five_minutes(plain: Simulator, seconds: int, status: int) -> None:
    assert ask(plain, "/projects", at=time.time() + seconds).status_code == status


def test_clock_offset_moves_the_servers_clock_and_its_date_header() -> None:
    with Simulator([], Behaviour(clock_offset=3600)) as sim:
        response = ask(sim, "/projects")
        assert error(response)[:2] == (401, "200")
        assert abs(parsedate_to_datetime(response.headers["Date"]).timestamp() - time.time() - 3600) < WAIT_SECONDS
        assert ask(sim, "/projects", at=time.time() + 3600).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/servers", (404, "300", "Not Found Exception")),
        ("GET", "/projects/nosuchproject/runs/2/nodes", (404, "300", "Not Found Exception")),
        ("GET", "/projects/abc123ygz0iujnxyz/runs/9", (404, "300", "Not Found Exception")),
        ("POST", "/projects", (405, "100", "Bad Request Exception")),
        ("GET", "/projects?page=one", (400, "100", "Bad Request Exception")),
        ("GET", "/projects?pageSize=0", (400, "100", "Bad Request Exception")),
    ],
)
def test_refusals_come_in_the_gateways_words(plain: Simulator, method: str, path: str, expected: tuple[int, str, str]) -> None:
    assert error(ask(plain, path, method=method)) == expected


@pytest.mark.parametrize("path", ["/projects", "/servers"])
def test_every_answer_can_be_traced(plain: Simulator, path: str) -> None:
    headers = ask(plain, path).headers
    assert headers["x-ncp-trace-id"]
    assert headers["x-ncp-apigw-request-id"]


# --- The endpoints ---


def test_vendor_example_is_the_documented_row() -> None:
    with Simulator(vendor_example()) as sim:
        assert ask(sim, "/projects/******ygz0iujn******/runs/2/nodes").json() == {
            "nodes": [
                {
                    "nodeId": "******0lonwq7k******",
                    "projectId": "******ygz0iujn******",
                    "projectName": "project",
                    "runName": "2",
                    "state": "NODE_STATE_RUNNING",
                    "resourceType": "[Notebook] 4vCPU, 16GB Mem",
                    "containerImage": "nvcr.io/nvidia/tensorflow:21.02-tf1-py3",
                    "rank": 0,
                    "exitCode": -1,
                    "host": "223.130.154.166",
                    "sshPort": 15001,
                    "tcpPorts": [15002, 15003],
                    "command": "",
                    "createTime": "2024-09-03T01:38:26",
                    "updateTime": "2024-09-03T01:39:51",
                }
            ],
            "totalCount": 1,
        }


def test_projects_have_the_documented_fields(plain: Simulator) -> None:
    body = ask(plain, "/projects").json()
    assert body["totalCount"] == 1
    fields = "projectId vpcNo projectName status userNo runCount nodeCount createdDate updatedDate"
    assert list(body["projects"][0]) == fields.split()
    assert (body["projects"][0]["runCount"], body["projects"][0]["nodeCount"]) == (1, 25)


def test_run_list_holds_the_runs_of_all_projects_and_no_count() -> None:
    with Simulator([Project("a", runs=[Run("1"), Run("2")]), Project("b", runs=[Run("1")])]) as sim:
        body = ask(sim, "/projects/runs").json()
        assert list(body) == ["runList"]
        assert [(row["projectName"], row["runName"]) for row in body["runList"]] == [("a", "1"), ("a", "2"), ("b", "1")]
        fields = "runName runType projectId projectName status creator createTime updateTime"
        assert list(body["runList"][0]) == fields.split()


def test_run_detail_is_flat(plain: Simulator) -> None:
    body = ask(plain, "/projects/abc123ygz0iujnxyz/runs/2").json()
    fields = "runName projectId projectName status creator engFullName gpuSvrCode imageType imagePath command envs note"
    assert list(body) == fields.split()


def test_ids_that_are_not_given_are_unique_and_always_the_same() -> None:
    first, second = (Project("bert", runs=[Run("1", [Node(), Node()]), Run("2", [Node()])]) for _time in range(2))
    ids = [node.id for run in first.runs for node in run.nodes]
    assert ids == [node.id for run in second.runs for node in run.nodes]
    assert len({first.id, *ids}) == 4
    assert all(len(made) == 20 and made.isalnum() and made.islower() for made in ids)


def test_node_added_later_gets_an_id_that_no_node_had() -> None:
    project = Project("bert", id="abc123ygz0iujnxyz", runs=[Run("2", [Node(rank=0)])])
    with Simulator([project]) as sim:
        before = node_row(sim)["nodeId"]
        project.runs[0].nodes[:] = [Node(rank=0)]
        assert node_row(sim)["nodeId"] not in ("", before)


def test_extra_fields_replace_add_and_leave_out() -> None:
    with Simulator(bert(Node(extra={"rank": "first", "gpu": 8, "host": ABSENT}))) as sim:
        row = node_row(sim)
        assert (row["rank"], row["gpu"], "host" in row) == ("first", 8, False)


@pytest.mark.parametrize("raw", [None, "text", [1], {"only": "this"}])
def test_raw_value_replaces_the_row(raw: Any) -> None:
    with Simulator(bert(Node(raw=raw))) as sim:
        assert node_row(sim) == raw


def test_nodes_change_appear_and_vanish_with_the_clock() -> None:
    clock = Clock()
    starting = Node(rank=0, state=NODE_PENDING, host=None, changes=[(3, {"state": NODE_RUNNING, "port": 15001})])
    with Simulator(bert(starting, Node(rank=1, appears=2, vanishes=9)), clock=clock) as sim:
        assert (ranks(sim), ask(sim, NODES).json()["nodes"][0]["state"]) == ([0], NODE_PENDING)
        clock.now += 3
        assert (ranks(sim), ask(sim, NODES).json()["nodes"][0]["sshPort"]) == ([0, 1], 15001)
        clock.now += 6
        assert ranks(sim) == [0]


# --- Paging, well-behaved and otherwise ---


def test_pages_have_ten_rows_unless_asked_otherwise(plain: Simulator) -> None:
    assert ranks(plain) == list(range(10))
    assert ranks(plain, "?page=3") == list(range(20, 25))
    assert ranks(plain, "?page=2&pageSize=4") == [4, 5, 6, 7]


@pytest.mark.parametrize(
    ("behaviour", "query", "expected"),
    [
        (Behaviour(page_cap=3), "?page=2&pageSize=100", [3, 4, 5]),
        (Behaviour(fixed_page_size=7), "?page=2&pageSize=2", [7, 8, 9, 10, 11]),
        (Behaviour(first_page=0), "?page=0&pageSize=4", [0, 1, 2, 3]),
        (Behaviour(first_page=0), "?page=1&pageSize=4", [4, 5, 6, 7]),
        (Behaviour(), "?page=0&pageSize=4", []),
        (Behaviour(page_zero="nearest"), "?page=0&pageSize=4", [0, 1, 2, 3]),
        (Behaviour(), "?page=4&pageSize=4", []),
        (Behaviour(past_end="nearest"), "?page=9&pageSize=5", [10, 11]),
    ],
)
def test_paging_follows_the_behaviour(behaviour: Behaviour, query: str, expected: list[int]) -> None:
    with Simulator(bert(*(Node(rank=rank) for rank in range(12))), behaviour) as sim:
        assert ranks(sim, query) == expected


@pytest.mark.parametrize(("behaviour", "page"), [(Behaviour(page_zero=404), 0), (Behaviour(past_end=404), 2)])
def test_pages_outside_may_be_errors(behaviour: Behaviour, page: int) -> None:
    with Simulator(bert(Node()), behaviour) as sim:
        answer = ask(sim, f"{NODES}?page={page}")
        assert (answer.status_code, answer.json()) == (404, {"message": "No such page."})


def test_pages_outside_may_be_no_json() -> None:
    with Simulator(bert(Node()), Behaviour(past_end="not JSON")) as sim:
        assert ask(sim, f"{NODES}?page=2").text.startswith("<html>")


@pytest.mark.parametrize(
    ("empty", "status", "body"),
    [
        ("list", 200, '{"page": 1, "nodes": []}'),
        ("null", 200, '{"page": 1, "nodes": null}'),
        ("no key", 200, '{"page": 1}'),
        ("no body", 200, ""),
        ("204", 204, ""),
    ],
)
def test_an_empty_list_has_many_forms(empty: Any, status: int, body: str) -> None:
    with Simulator(bert(), Behaviour(empty=empty, count="absent", beside={"page": 1}, past_end=404)) as sim:
        answer = ask(sim, NODES)
        assert (answer.status_code, answer.text) == (status, body)


def many(**behaviour: Any) -> Simulator:
    return Simulator(bert(*(Node(rank=rank) for rank in range(25))), Behaviour(**behaviour))


def test_a_page_size_above_the_limit_is_refused() -> None:
    with many(size_limit=10) as sim:
        assert error(ask(sim, f"{NODES}?pageSize=11"))[:2] == (400, "100")
        assert ranks(sim, "?pageSize=10") == ranks(sim) == list(range(10))


def test_rows_come_in_the_order_of_the_behaviour() -> None:
    with many(order="newest") as sim:
        assert ranks(sim, "?pageSize=3") == [24, 23, 22]
    with many(order="random") as sim:
        orders = [ranks(sim, "?pageSize=25") for _time in range(3)]
        assert orders[0] != orders[1] != orders[2]
        assert [sorted(order) for order in orders] == [list(range(25))] * 3


def test_a_page_may_have_an_answer_of_its_own_be_cut_or_never_come() -> None:
    with many(faults={2: Answer(500), 3: Answer(200, {"nodes": []}, cut=True), 4: None}) as sim:
        assert len(ranks(sim)) == 10
        assert ask(sim, f"{NODES}?page=2").status_code == 500
        session = requests.Session()
        session.stream = True
        cut = ask(sim, f"{NODES}?page=3", session=session)
        cut.raw.enforce_content_length = True  # urllib3 does so by itself since 2.0
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            _body = cut.content
        with pytest.raises(requests.exceptions.ReadTimeout):
            requests.get(f"{sim.url}{NODES}?page=4", timeout=0.05)


@pytest.mark.parametrize(("count", "expected"), [("whole", 12), ("page", 10), ("null", None), ("absent", None), (99, 99)])
def test_count_follows_the_behaviour(count: Any, expected: int | None) -> None:
    behaviour = Behaviour(count=count, runs_count=count)
    runs = [Run(str(number), [Node() for _number in range(12)]) for number in range(12)]
    with Simulator([Project("bert", id="abc123ygz0iujnxyz", runs=runs)], behaviour) as sim:
        assert [ask(sim, path).json().get("totalCount") for path in (NODES, "/projects/runs")] == [expected, expected]


# --- What a test can see and do ---


def test_requests_are_recorded_in_order_with_their_status() -> None:
    with Simulator([]) as sim:
        ask(sim, "/projects?pageSize=5&page=1")
        ask(sim, "/nothing", method="POST")
        assert [(record.method, record.path, record.status) for record in sim.requests] == [
            ("GET", "/nsml/v1/projects?pageSize=5&page=1", 200),
            ("POST", "/nsml/v1/nothing", 404),
        ]
        assert sim.requests[0].headers["X-NCP-APIGW-API-KEY"] == sim.environment["NCLOUD_NSML_API_KEY"]


def test_connections_are_counted() -> None:
    with Simulator([]) as sim, requests.Session() as session:
        session.get(sim.url, timeout=WAIT_SECONDS)
        session.get(sim.url, timeout=WAIT_SECONDS)
        assert sim.connections == 1
        requests.get(sim.url, timeout=WAIT_SECONDS)
        assert sim.connections == 2


def test_prepared_answers_come_first_and_only_so_often() -> None:
    with Simulator([]) as sim:
        sim.answer_next(Answer(503, {"error": {"errorCode": 500}}, {"Retry-After": "1"}), times=2)
        sim.answer_next(Answer(200, "<html>", {"Content-Type": "text/html"}))
        answers = [ask(sim, "/projects") for _time in range(4)]
        assert [answer.status_code for answer in answers] == [503, 503, 200, 200]
        assert answers[1].json() == {"error": {"errorCode": 500}}
        assert answers[1].headers["Retry-After"] == "1"
        assert (answers[2].text, answers[2].headers["Content-Type"]) == ("<html>", "text/html")
        assert answers[3].json() == {"projects": [], "totalCount": 0}


def test_world_may_change_between_two_pages() -> None:
    projects = bert(*(Node(rank=rank) for rank in range(4)))
    with Simulator(projects) as sim:

        def remove_first(number: int) -> None:
            if number == 2:
                del sim.projects[0].runs[0].nodes[0]

        sim.before_answer = remove_first
        assert ranks(sim, "?page=1&pageSize=2") == [0, 1]
        assert ranks(sim, "?page=2&pageSize=2") == [3]


def test_bodies_are_cut_as_often_as_asked() -> None:
    with Simulator([], Behaviour(cut_body_after=5, cut_bodies=2)) as sim:
        session = requests.Session()
        session.stream = True
        for _time in range(2):
            answer = ask(sim, "/projects", session=session)
            answer.raw.enforce_content_length = True  # urllib3 does so by itself since 2.0
            with pytest.raises(requests.exceptions.ChunkedEncodingError, match="5 bytes read"):
                _body = answer.content
        assert ask(sim, "/projects").json() == {"projects": [], "totalCount": 0}


def test_latency_delays_the_answer_and_not_the_end() -> None:
    with Simulator([], Behaviour(latency=0.05)) as sim:
        assert ask(sim, "/projects").elapsed.total_seconds() >= 0.05
        sim.behaviour.latency = 3600
        with pytest.raises(requests.exceptions.ReadTimeout):
            requests.get(sim.url, timeout=0.05)
        start = time.monotonic()
    assert time.monotonic() - start < WAIT_SECONDS


def test_tls_is_served_with_the_given_context(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with Simulator([], ssl_context=context) as sim, requests.Session() as session:
        session.trust_env = False
        session.verify = str(tmp_path / "ca.pem")
        assert sim.url.startswith("https://127.0.0.1:")
        assert ask(sim, "/projects", session=session).status_code == 200


# --- Nodes that answer SSH ---


def openssh(sim: Simulator, node: Node, program: str = "ssh", user: str | None = None) -> list[str]:
    """Give the real client's command line, without the shared connection that Ansible would leave open."""
    options = shlex.split(sim.environment["ANSIBLE_SSH_ARGS"].replace("ControlMaster=auto", "ControlMaster=no"))
    key = sim.environment["ANSIBLE_PRIVATE_KEY_FILE"]
    port = "-p" if program == "ssh" else "-P"
    login = f"{user or sim.environment['ANSIBLE_REMOTE_USER']}@{node.host}"
    files = ["-F", "none", "-o", "BatchMode=yes", "-i", key, port, str(node.port)]
    return [program, *options, *files, *([] if program == "scp" else [login])]


def ssh(sim: Simulator, node: Node, command: str, *options: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    program, *rest = openssh(sim, node)
    line = [program, *options, *rest, command]
    return subprocess.run(line, input=stdin, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)


def until(done: Callable[[], bool]) -> None:
    """Wait for what another process is about to do."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def gone(pid: str) -> bool:
    """Tell whether the process has ended, whether or not its parent has noticed."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True, check=False).stdout
    return not state.strip() or state.startswith("Z")


# For each test anew: ansible-test runs each in a process of its own, which never ends a module and would leave the files behind.
@pytest.fixture
def cluster() -> Iterator[Simulator]:
    with Simulator(bert(Node(rank=0), Node(rank=1)), ssh=True) as sim:
        yield sim


@pytest.fixture
def node(cluster: Simulator) -> Node:
    return cluster.projects[0].runs[0].nodes[0]


def test_command_passes_on_both_outputs_and_its_exit_status(cluster: Simulator, node: Node) -> None:
    done = ssh(cluster, node, "echo hi; echo no >&2; exit 3")
    assert (done.stdout, done.stderr, done.returncode) == ("hi\n", "no\n", 3)


def test_large_input_and_output_pass_whole(cluster: Simulator, node: Node) -> None:
    text = "0123456789abcdef" * 200_000
    assert ssh(cluster, node, "cat", stdin=text).stdout == text


def test_command_may_leave_its_input_unread(cluster: Simulator, node: Node) -> None:
    assert ssh(cluster, node, "true", stdin="x" * 5_000_000).returncode == 0


def test_terminal_is_a_terminal_and_ends_with_the_command(cluster: Simulator, node: Node) -> None:
    done = ssh(cluster, node, "tty; echo known >/dev/tty; exit 4", "-tt")
    assert done.stdout.startswith("/dev/")
    assert (done.stdout.splitlines()[1], done.returncode) == ("known", 4)


def test_shell_reads_its_commands_from_input(cluster: Simulator, node: Node) -> None:
    program, *rest = openssh(cluster, node)
    done = subprocess.run(
        [program, "-T", *rest], input="echo hi\nexit 5\n", capture_output=True, text=True, timeout=WAIT_SECONDS, check=False
    )
    assert (done.stdout, done.returncode) == ("hi\n", 5)


def test_death_by_signal_is_passed_on(cluster: Simulator, node: Node) -> None:
    assert ssh(cluster, node, "kill -TERM $$").returncode == 255


def test_each_node_has_its_own_home_and_the_services_variables(cluster: Simulator) -> None:
    command = "pwd; echo $HOME $NSML_RANK $NSML_WORLD_SIZE $NSML_PROJECT $NSML_RUN; env | grep -c NCLOUD"
    first, second = (ssh(cluster, node, command).stdout.splitlines() for node in cluster.projects[0].runs[0].nodes)
    assert first == [first[0], f"{first[0]} 0 2 bert 2", "0"]
    assert second == [second[0], f"{second[0]} 1 2 bert 2", "0"]
    assert first[0] != second[0]


@pytest.mark.parametrize("options", [[], ["-O"]], ids=["sftp", "scp"])
def test_scp_copies_both_ways(cluster: Simulator, node: Node, tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "there").write_text("hello")
    program, *rest = openssh(cluster, node, "scp")
    remote = f"{cluster.environment['ANSIBLE_REMOTE_USER']}@{node.host}:copied"
    for source, target in [(str(tmp_path / "there"), remote), (remote, str(tmp_path / "back"))]:
        subprocess.run([program, *options, *rest, source, target], capture_output=True, timeout=WAIT_SECONDS, check=True)
    assert (tmp_path / "back").read_text() == "hello"
    assert ssh(cluster, node, "cat ~/copied").stdout == "hello"


def test_sftp_puts_and_gets(cluster: Simulator, node: Node, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("hello")
    program, *rest = openssh(cluster, node, "sftp")
    batch = f"put {tmp_path}/there put\nget put {tmp_path}/back\n"
    line = [program, "-b", "-", *rest]
    subprocess.run(line, input=batch, text=True, capture_output=True, timeout=WAIT_SECONDS, check=True)
    assert (tmp_path / "back").read_text() == "hello"


def test_strangers_are_refused(cluster: Simulator, node: Node, tmp_path: Path) -> None:
    other_user = subprocess.run(
        [*openssh(cluster, node, user="stranger"), "true"],
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    assert (other_user.returncode, "Permission denied" in other_user.stderr) == (255, True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    right_key = cluster.environment["ANSIBLE_PRIVATE_KEY_FILE"]
    line = [word.replace(right_key, str(tmp_path / "key")) for word in openssh(cluster, node)]
    other_key = subprocess.run([*line, "true"], capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
    assert (other_key.returncode, "Permission denied" in other_key.stderr) == (255, True)


def test_host_keys_are_checked(cluster: Simulator, node: Node, tmp_path: Path) -> None:
    assert "StrictHostKeyChecking" not in cluster.environment["ANSIBLE_SSH_ARGS"]
    unknown = ssh(cluster, node, "true", "-o", f"UserKnownHostsFile={tmp_path}/empty")
    assert (unknown.returncode, "Host key verification failed" in unknown.stderr) == (255, True)


def test_pending_node_listens_once_it_runs_and_no_longer_once_it_is_gone() -> None:
    clock = Clock()
    node = Node(state=NODE_PENDING, changes=[(3, {"state": NODE_RUNNING})], vanishes=9)
    with Simulator(bert(node), ssh=True, clock=clock) as sim:
        row = node_row(sim)
        assert (row["state"], row["host"], row["sshPort"]) == (NODE_PENDING, None, None)
        clock.now += 3
        row = node_row(sim)
        assert (row["state"], row["host"], row["sshPort"]) == (NODE_RUNNING, "127.0.0.1", node.port)
        assert ssh(sim, node, "echo $NSML_RANK").stdout == "0\n"
        line = [*openssh(sim, node), "true"]
        clock.now += 6
        assert ranks(sim) == []
        assert subprocess.run(line, capture_output=True, timeout=WAIT_SECONDS, check=False).returncode == 255


def test_port_given_by_the_test_is_left_alone() -> None:
    with Simulator(bert(Node(port=9)), ssh=True) as sim:
        assert node_row(sim)["sshPort"] == 9


def test_nothing_is_left_behind() -> None:
    with Simulator(bert(Node()), ssh=True) as sim:
        node = sim.projects[0].runs[0].nodes[0]
        key = Path(sim.environment["ANSIBLE_PRIVATE_KEY_FILE"])
        assert key.stat().st_mode & 0o777 == 0o600
        daemon = ssh(sim, node, "setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $!").stdout.strip()
        client = subprocess.Popen([*openssh(sim, node), "echo $$; sleep 600"], stdout=subprocess.PIPE, text=True)
        assert client.stdout
        foreground = client.stdout.readline().strip()
        assert not gone(daemon)
        assert not gone(foreground)
    with client:
        assert client.wait(WAIT_SECONDS) == 255
    assert gone(daemon)
    assert gone(foreground)
    assert not key.parent.exists()


def test_command_ends_when_its_client_leaves(cluster: Simulator, node: Node) -> None:
    with subprocess.Popen([*openssh(cluster, node), "echo $$; sleep 600"], stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout
        pid = client.stdout.readline().strip()
        client.kill()
    until(lambda: gone(pid))


def test_ansible_logs_in_with_the_environment_alone(cluster: Simulator, tmp_path: Path) -> None:
    nodes = cluster.projects[0].runs[0].nodes
    hosts = [f"node{node.rank} ansible_host={node.host} ansible_port={node.port}\n" for node in nodes]
    (tmp_path / "hosts").write_text("".join(hosts))
    for pipelining in ("0", "1"):
        command = ["ansible", "-i", str(tmp_path / "hosts"), "all", "-m", "ping"]
        environment = {**os.environ, **cluster.environment, "ANSIBLE_PIPELINING": pipelining}
        done = processes.run(command, environment, timeout=3 * WAIT_SECONDS)
        assert done.stdout.count("pong") == 2, done.stderr


# --- The command line ---


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demonstration_prints_how_to_use_it_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    ready = tmp_path / "environment"
    command = [sys.executable, "-m", "tests.simulator", "--environment", str(ready)]
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demonstration:
        until(ready.exists)
        exports = ready.read_text()
        url = subprocess.check_output(["/bin/sh", "-c", exports + 'printf %s "$NCLOUD_NSML_API_URL"'], text=True)
        assert requests.get(url, timeout=WAIT_SECONDS).status_code == 401
        (variables,) = temporary.glob("*/simulated.yml")
        demonstration.send_signal(number)
        stdout, stderr = demonstration.communicate(timeout=WAIT_SECONDS)
    assert (demonstration.returncode, stderr) == (0, "")
    assert exports in stdout
    assert f"  -e @{variables}\n" in stdout
    assert all(line.startswith(("#", "export ")) for line in stdout.splitlines())
    assert not ready.exists()
    assert not list(temporary.iterdir())


def test_demonstration_with_its_option_serves_the_api_alone(tmp_path: Path) -> None:
    ready = tmp_path / "environment"
    command = [sys.executable, "-m", "tests.simulator", "--no-ssh", "--environment", str(ready)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as demonstration:
        until(ready.exists)
        assert "ANSIBLE_" not in ready.read_text()
        demonstration.terminate()
    assert demonstration.returncode == 0


def test_demonstration_with_its_option_shows_each_request(tmp_path: Path) -> None:
    ready = tmp_path / "environment"
    command = [sys.executable, "-m", "tests.simulator", "--no-ssh", "--requests", "--environment", str(ready)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as demonstration:
        until(ready.exists)
        url = subprocess.check_output(["/bin/sh", "-c", ready.read_text() + 'printf %s "$NCLOUD_NSML_API_URL"'], text=True)
        requests.get(f"{url}/projects?page=1", timeout=WAIT_SECONDS)
        demonstration.terminate()
        _stdout, stderr = demonstration.communicate(timeout=WAIT_SECONDS)
    assert stderr == "GET /nsml/v1/projects?page=1 HTTP/1.1 401\n"
