# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark works, at tiny sizes: what it compares is the same, and it counts right. No figure of time decides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.navercloud.nsml.tests.benchmark import growth, report, results, rounds, server
from ansible_collections.navercloud.nsml.tests.benchmark.cases import UNMARKED, Case, all_cases, marks_strings
from ansible_collections.navercloud.nsml.tests.benchmark.fleet import Fleet
from ansible_collections.navercloud.nsml.tests.benchmark.inventories import Inventories, list_all, list_hosts
from ansible_collections.navercloud.nsml.tests.benchmark.marks import plain
from ansible_collections.navercloud.nsml.tests.benchmark.runner import Command, Runner, running

FLEET = Fleet(10, 1)


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with running() as started:
        yield started


@pytest.fixture
def make(runner: Runner) -> Inventories:
    return Inventories(runner)


def test_a_cold_run_asks_for_each_page_once_and_a_warm_one_for_none(runner: Runner, make: Inventories) -> None:
    inventory = make.ours(FLEET, page_size=4, concurrency=1, cache=True, cache_plugin="jsonfile", cache_connection="cache")
    cold, warm = runner.measure(list_hosts(inventory)), runner.measure(list_hosts(inventory))
    assert (cold.requests, cold.connections) == (3, 1)
    assert (warm.requests, warm.connections) == (0, 0)
    assert "hosts (10)" in cold.printed
    assert "hosts (10)" in warm.printed
    assert cold.cpu > 0
    assert cold.memory > 10


def test_the_script_gives_what_the_plugin_gives(runner: Runner, make: Inventories) -> None:
    ours, script = (plain(runner.measure(list_all(each)).printed) for each in (make.ours(Fleet(2, 1)), make.script(Fleet(2, 1))))
    assert script == ours
    assert len(script["_meta"]["hostvars"]) == 2


def test_a_command_that_fails_is_no_measurement(runner: Runner) -> None:
    with pytest.raises(RuntimeError, match=r"ls nowhere ended with 2:\n.*nowhere"):
        runner.measure(Command(("ls", "nowhere")))


def test_the_seconds_that_the_plugin_reports_are_read(runner: Runner) -> None:
    assert runner.measure(Command(("echo", "from the service, requests: 3, seconds: 0.72"))).fetch == 0.72


def test_pairs_are_measured_in_turn(runner: Runner) -> None:
    log = runner.directory / "turns"
    cases = [
        Case("a", lambda: (_counting(log, "a"), _counting(log, "A")), None),
        Case("b", lambda: (_counting(log, "b"), 1), None),
    ]
    rows = rounds.measure(runner, cases, 2, notify=lambda _text: None)
    assert log.read_text().split() == ["a", "A", "b"] * 3
    assert [row.what for row in rows] == ["a", "b"]


def test_the_first_round_does_not_count(runner: Runner) -> None:
    log = runner.directory / "rounds"
    (row,) = rounds.measure(runner, [Case("x", lambda: (_counting(log, "x"), 2), None, "fetch")], 3, notify=lambda _text: None)
    assert (row.value, row.against) == (3, 2)
    assert (row.lowest, row.ratio, row.highest) == (1.0, 1.5, 2.0)


def test_a_bound_is_met_or_not(runner: Runner) -> None:
    cases = [
        Case("paired", lambda: (Command(("true",)), 1), 0.0, "requests"),
        Case("alone", lambda: (Command(("true",)), None), 0.5, "memory"),
    ]
    paired, alone = rounds.measure(runner, cases, 1, notify=lambda _text: None)
    assert (paired.met, alone.met) == (True, False)
    lines = report.table([paired, alone]).splitlines()[2:]
    assert [line.split(" | ")[6] for line in lines] == ["yes", "**no**"]


def test_every_row_has_a_name_of_its_own_and_marking_is_measured_where_there_is_any(make: Inventories) -> None:
    names = [case.what for case in all_cases(make)]
    assert len(set(names)) == len(names) > 10
    assert any("without marking" in text for text in names) == marks_strings()


def test_marks_are_switched_off_only_for_the_comparison(runner: Runner, make: Inventories) -> None:
    usual = list_all(make.ours(Fleet(1, 1)))
    unmarked = replace(usual, environment={"PYTHONPATH": str(UNMARKED)})
    if marks_strings():  # from 2.19 on every string is untrusted that is not marked as trusted
        assert "__ansible_unsafe" not in runner.measure(unmarked).printed
    assert "__ansible_unsafe" in runner.measure(usual).printed


def test_cost_is_measured_at_each_size_up_to_the_largest(runner: Runner, make: Inventories) -> None:
    assert len(growth.kinds(make)) >= 3
    floor = growth.Kind(lambda _fleet: make.empty(), largest=10)
    lines: list[str] = []
    (curve,) = growth.measure(runner, {"floor": floor}, (10, 100), lines.append)
    assert (curve.name, curve.sizes, len(lines)) == ("floor", (10,), 1)
    assert curve.seconds[0] > 0


def test_results_are_kept_as_they_were(tmp_path: Path) -> None:
    row = rounds.Row("x", "cpu", 1.0, None, 1.0, 1.0, 1.0, None, 50.0, None)
    curve = growth.Curve("x", (10,), (0.5,))
    old, new = (results.Results(core, "3.13.0", "2 cores", {}, 1, [row], [curve]) for core in ("2.9.1", "2.21.5"))
    for found in (old, new):
        results.save(found, tmp_path)
    assert results.load_all(tmp_path) == [new, old]


def test_the_page_shows_the_results() -> None:
    assert report.PAGE.read_text() == report.page(results.load_all())


@pytest.mark.parametrize("fleet", [Fleet(1, 1), Fleet(10, 3), Fleet(1_000, 10)])
def test_every_api_has_the_same_hosts(fleet: Fleet) -> None:
    nodes = [node for run in range(1, fleet.runs + 1) for node in _rows(server.nsml_nodes, fleet, str(run), "nodes")]
    ours = [(f"{node['projectName']}-{node['runName']}-{node['rank']}", node["projectName"], node["host"]) for node in nodes]
    hcloud = _rows(server.hcloud_servers, fleet, "", "servers")
    vultr = _rows(server.vultr_instances, fleet, "", "instances")
    assert len(set(ours)) == fleet.nodes
    assert [(each["name"], each["location"]["name"], each["public_net"]["ipv4"]["ip"]) for each in hcloud] == ours
    assert [(each["label"], each["region"], each["main_ip"]) for each in vultr] == ours
    netbox = _rows(server.netbox_devices, fleet, "", "results")
    assert [(each["name"], each["site"]["name"], each["primary_ip"]["address"].removesuffix("/24")) for each in netbox] == ours
    states = [node["state"].removeprefix("NODE_STATE_").lower() for node in nodes]
    assert [each["status"] for each in hcloud] == [each["status"] for each in vultr] == states
    assert [each["status"]["value"] for each in netbox] == states


def _rows(render: server.Render, fleet: Fleet, run: str, key: str) -> list[dict[str, Any]]:
    """Read all pages of a list; that of NetBox is one."""
    pages = range(1, 2 if render is server.netbox_devices else fleet.nodes + 1)
    return [row for page in pages for row in json.loads(render(fleet, run, page, 7))[key]]


def _counting(log: Path, text: str) -> Command:
    """Return a command that writes a line, and says as its seconds how many there are."""
    return Command(("sh", "-c", f"echo {text} >> '{log}'; echo seconds: $(wc -l < '{log}')"))
