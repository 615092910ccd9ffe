# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each fault, what the user sees of it, and that no secret is in it. docs/faults.md is made from what is seen here.

To write that page anew: UPDATE_DOCS=1 make test TESTS=tests/integration/test_faults.py
"""

from __future__ import annotations

import base64
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

from ansible_collections.navercloud.nsml.tests.integration.commands import PROJECT_ID, Workplace, bert, ranks
from ansible_collections.navercloud.nsml.tests.simulator import ABSENT, Answer, Node, Simulator
from ansible_collections.navercloud.nsml.tests.unit.inventory import load_sources

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
SECRETS = ("NCLOUD_SECRET_ACCESS_KEY", "NCLOUD_NSML_API_KEY")
QUICK = f"plugin: navercloud.nsml.nodes\nproject: {PROJECT_ID}\nrun: 2\nretries: 0\n"


def gateway(code: str, message: str, details: str = "") -> dict[str, dict[str, str]]:
    return {"error": {"errorCode": code, "message": message, "details": details}}


def always(answer: Answer) -> Callable[[Simulator], None]:
    """Have every request answered so."""
    return lambda simulator: simulator.answer_next(answer, times=99)


def behave(**changes: object) -> Callable[[Simulator], None]:
    """Have the simulator behave so."""

    def change(simulator: Simulator) -> None:
        for name, value in changes.items():
            setattr(simulator.behaviour, name, value)

    return change


def echo(simulator: Simulator) -> None:
    """Have the server tell all that it knows of the keys."""
    known = " ".join(form for name in SECRETS for form in forms(simulator.environment[name]))
    headers = {"x-ncp-trace-id": known, "x-ncp-apigw-request-id": known}
    simulator.answer_next(Answer(status=403, body=gateway("230", f"Forbidden {known}", known), headers=headers), times=9)


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    :param name: what the page calls it
    :param happens: makes it happen
    :param options: the inventory file
    :param environment: settings of the user that are wrong
    :param seen: words that the user must see
    """

    name: str
    seen: tuple[str, ...]
    happens: Callable[[Simulator], None] = lambda simulator: None
    options: str = QUICK
    environment: dict[str, str] = field(default_factory=dict)
    nodes: tuple[Node, ...] = ()


FAULTS = [
    Fault("No secret key", ("secret_key", "~/.ncloud/configure"), environment={"NCLOUD_SECRET_ACCESS_KEY": ""}),
    Fault("Wrong secret key", ("401", "Authentication Failed"), environment={"NCLOUD_SECRET_ACCESS_KEY": "wrongSecretKey"}),
    Fault("Wrong API key", ("210", "subscription"), environment={"NCLOUD_NSML_API_KEY": "wrongApiKey"}),
    Fault("This machine's clock is wrong", ("11 minutes behind",), behave(clock_offset=660.0)),
    Fault("The keys may not read this", ("403", "Forbidden"), always(Answer(status=403, body=gateway("230", "Forbidden")))),
    Fault("No such run", ("There is no run '7'", "404"), options=QUICK.replace("run: 2", "run: 7")),
    Fault("No such project", ("There is no project 'brt'",), options=QUICK.replace(PROJECT_ID, "brt")),
    Fault("Too many requests", ("429", "Rate Limited"), always(Answer(status=429, body=gateway("420", "Rate Limited")))),
    Fault("The quota is used up", ("quota",), always(Answer(status=429, body=gateway("400", "Quota Exceeded")))),
    Fault(
        "The service asks to wait for long",
        ("600 s", "deadline"),
        always(Answer(status=503, body=gateway("500", "Endpoint Error"), headers={"Retry-After": "600"})),
        QUICK.replace("retries: 0", "retries: 3"),
    ),
    Fault("The service fails", ("500", "Unexpected Error"), always(Answer(status=500, body=gateway("900", "Unexpected Error")))),
    Fault(
        "The service fails with a page for people",
        ("502", "Bad Gateway"),
        always(Answer(status=502, body="<html><body><h1>Bad Gateway</h1></body></html>")),
    ),
    Fault(
        "A redirect",
        ("https://elsewhere.example/", "refused"),
        always(Answer(status=302, headers={"Location": "https://elsewhere.example/"})),
    ),
    Fault("A login page in place of the API", ("no JSON", "Please log in"), always(Answer(body="<html>Please log in</html>"))),
    Fault("An answer of another shape", ("no list 'nodes'",), always(Answer(body={"items": []}))),
    Fault("A row with no node ID", ("page 1, row 1", "nodeId"), nodes=(Node(rank=0), Node(rank=1, extra={"nodeId": ABSENT}))),
    Fault("Fewer nodes than counted", ("5", "3 rows"), behave(count=5)),
    Fault("The connection breaks", ("connection", "failed"), behave(cut_body_after=20, cut_bodies=99)),
    Fault("No answer in time", ("within 0.2 s",), behave(latency=5.0), f"{QUICK}timeout: 0.2\n"),
    Fault("The deadline is over", ("deadline of 0.2 s",), behave(latency=5.0), f"{QUICK}deadline: 0.2\n"),
    Fault("No server", ("Connection refused",), environment={"NCLOUD_NSML_API_URL": "closed"}),
    Fault("Plain http to another machine", ("plain http",), environment={"NCLOUD_NSML_API_URL": "http://nsml.example/nsml/v1"}),
    Fault("An option that does not exist", ("'proejct'", "'project'"), options=QUICK.replace("project", "proejct")),
    Fault("The server tells the keys", ("403", "***"), echo),
]


def forms(secret: str) -> list[str]:
    return [secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()]


@contextmanager
def closed_port() -> Iterator[int]:
    """Keep a port on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])


def seen(fault: Fault, monkeypatch: pytest.MonkeyPatch, directory: Path) -> str:
    """Make the fault happen and return all that Ansible printed at -vvvvv."""
    nodes = list(fault.nodes) or ranks(3)
    with Simulator(bert(nodes)) as simulator, closed_port() as port:
        fault.happens(simulator)
        wrong = {name: value.replace("closed", f"http://127.0.0.1:{port}/nsml/v1") for name, value in fault.environment.items()}
        for name, value in {**simulator.environment, **wrong}.items():
            monkeypatch.setenv(name, value)
        inventory = Workplace(directory).write("test.nsml.yml", fault.options)
        loaded = load_sources([str(inventory)], verbosity=5)
        assert loaded.names == []
        for name in SECRETS:
            for secret in {simulator.environment[name], os.environ[name]} - {""}:
                assert not [form for form in forms(secret) if form in loaded.printed]
    return loaded.printed


def message(printed: str) -> str:
    """Return the plugin's own words, without what changes from one time to the next."""
    found = re.search(
        r"Failed to parse (?:inventory|\S+) with '?auto'? plugin: (.*?)(?= Failed to parse| <<<| File \"|$)", printed
    )
    assert found, printed
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8080", found[1])


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_user_is_told_what_to_do_and_no_secret(fault: Fault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = message(seen(fault, monkeypatch, tmp_path))
    for words in fault.seen:
        assert words in told
    row = f"| {fault.name} | {told.replace('|', chr(92) + '|')} |"
    if os.environ.get("UPDATE_DOCS"):
        write(fault, row)
    assert row in PAGE.read_text().splitlines()


def test_the_page_has_no_row_but_these() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows[1:]] == [fault.name for fault in FAULTS]


def write(fault: Fault, row: str) -> None:
    """Put the row in its place of the page, which begins anew with the first."""
    head = (
        "# What goes wrong, and what you see\n\nMade from what the tests see, word for word.\n\n| fault | message |\n|---|---|\n"
    )
    before = head if fault is FAULTS[0] else PAGE.read_text()
    PAGE.write_text(f"{before}{row}\n")
