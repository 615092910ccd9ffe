# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The trace at -vvv: the lines that the pages show, and no secret in any of them."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.tests.integration.commands import PROJECT_ID, Workplace, bert, ranks
from ansible_collections.navercloud.nsml.tests.simulator import Answer, Behaviour, Project, Simulator

ONE_BY_ONE = "plugin: navercloud.nsml.nodes\nconcurrency: 1\n"
PAGES = Path(__file__).resolve().parents[2] / "docs/docsite/rst"


def trace(text: str) -> list[str]:
    """Return the lines of a trace, without indentation and seconds."""
    lines = [line.strip() for line in text.splitlines() if "navercloud.nsml.nodes: GET " in line]
    return [re.sub(r"([0-9]+\.[0-9]{2}|\.\.\.) s", "N s", line) for line in lines]


def traced(workplace: Workplace, text: str, verbosity: str = "-vvv") -> str:
    """Return all that a command prints for an inventory file."""
    workplace.write("bert.nsml.yml", text)
    done = workplace.run("ansible-inventory", "-i", "bert.nsml.yml", "--graph", verbosity)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("page", "rows", "text"),
    [
        ("unknowns.rst", 12, f"plugin: navercloud.nsml.nodes\nproject: {PROJECT_ID}\nrun: 2\n"),
        ("guide.rst", 3, "plugin: navercloud.nsml.nodes\nproject: bert\nrun: 2\n"),
    ],
)
def test_a_page_shows_the_trace_as_it_is(tmp_path: Path, page: str, rows: int, text: str) -> None:
    with Simulator([*bert(ranks(rows)), Project("demo-notebook")]) as simulator:
        printed = traced(Workplace(tmp_path, simulator.environment), text)
    shown = trace((PAGES / page).read_text())
    assert shown
    assert [line for line in trace(printed) if line in shown] == shown


def test_below_vvv_no_request_is_printed(tmp_path: Path) -> None:
    with Simulator(bert(ranks(3))) as simulator:
        assert not trace(traced(Workplace(tmp_path, simulator.environment), "plugin: navercloud.nsml.nodes\n", "-vv"))


def test_failed_tries_are_traced_and_no_secret_is_printed(tmp_path: Path) -> None:
    with Simulator(bert(ranks(12)), Behaviour(size_limit=50, page_zero=500)) as simulator:
        keys = simulator.credentials
        leak = {"message": f"{keys.secret_key} {keys.api_key}"}
        simulator.answer_next(Answer(503, leak, {"Retry-After": "0", "x-ncp-trace-id": keys.api_key}))
        printed = traced(Workplace(tmp_path, simulator.environment), f"{ONE_BY_ONE}run: all\n", "-vvvvv")
    lines = trace(printed)
    runs = "navercloud.nsml.nodes: GET /nsml/v1/projects/runs"
    assert f"{runs}?page=1&pageSize=100: 503, N s, try 1" in lines
    assert f"{runs}?page=1&pageSize=100: 400, code 100, N s, try 2" in lines
    assert f"{runs}?page=1: 200, 1 row, N s, try 1" in lines
    assert [line for line in lines if "page=0" in line] == [f"{runs}?page=0: 500, N s, try {number}" for number in (1, 2, 3)]
    assert "refused 'page_size' 100 (HTTP 400, code 100" in printed
    assert keys.secret_key not in printed
    assert keys.api_key not in printed


def test_ansible_that_can_redact_shows_no_key_in_what_a_play_prints(tmp_path: Path) -> None:
    with Simulator(bert(ranks(1))) as simulator:
        workplace = Workplace(tmp_path, simulator.environment)
        workplace.write("bert.nsml.yml", ONE_BY_ONE)
        lookups = [f"lookup('ansible.builtin.env', '{name}')" for name in ("NCLOUD_NSML_API_KEY", "NCLOUD_SECRET_ACCESS_KEY")]
        leak = json.dumps({"msg": f"{{{{ [{', '.join(lookups)}] }}}}"})
        printed = workplace.run("ansible", "-i", "bert.nsml.yml", "localhost", "-m", "ansible.builtin.debug", "-a", leak).stdout
        keys = simulator.credentials
    can_redact = find_spec("ansible.module_utils.secrets") is not None
    assert [key in printed for key in (keys.api_key, keys.secret_key)] == [not can_redact] * 2
