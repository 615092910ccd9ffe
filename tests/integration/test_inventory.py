# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real ansible-inventory and ansible-playbook against the simulator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.tests.integration.commands import PROJECT_ID, Workplace, bert, ranks
from ansible_collections.navercloud.nsml.tests.simulator import Answer, Node, Project, Run, Simulator, vendor_example

MINIMAL = f"""\
plugin: navercloud.nsml.nodes
project: {PROJECT_ID}
run: 2
"""

Place = Callable[..., Workplace]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a workplace whose environment has the simulator's URL and keys."""

    def make(simulator: Simulator, text: str = MINIMAL, **environment: str) -> Workplace:
        workplace = Workplace(tmp_path, {**simulator.environment, **environment})
        workplace.write("test.nsml.yml", text)
        return workplace

    return make


def requests_for(count: int, size: int) -> int:
    """Return what a listing costs: its pages, and one more where the count of the only page may be that page's."""
    pages = -(-count // size)
    return pages + (pages == 1 and count >= 10)


SIZES = dict.fromkeys((1, 9, 10, 11, 100, 101, 250), 10) | {12: 100, 99: 100, 200: 100, 251: 100}


def test_a_run_without_nodes_is_a_warning_for_two_requests(place: Place) -> None:
    with Simulator(bert([])) as simulator:
        done = place(simulator, MINIMAL).run("ansible-inventory", "-i", "test.nsml.yml", "--list")
        assert "These runs have no nodes and add no hosts: 2 of " in " ".join(done.stderr.split())
        # A service that counts from 0 would answer the same on page 1.
        assert [record.path.partition("?")[2] for record in simulator.requests if "/nodes?" in record.path] == [
            "page=1&pageSize=100",
            "page=0&pageSize=100",
        ]


def test_each_node_is_there_exactly_once_for_no_more_requests_than_needed(place: Place) -> None:
    runs = [Run(str(count), nodes=ranks(count)) for count in SIZES]
    with Simulator([Project(name="bert", id=PROJECT_ID, runs=runs)]) as simulator:
        workplace = place(simulator)
        for count, size in SIZES.items():
            text = f"plugin: navercloud.nsml.nodes\nproject: {PROJECT_ID}\nrun: {count}\npage_size: {size}\n"
            workplace.write(f"sources/{count}.nsml.yml", text)
        listed = workplace.listed("sources")
    for count, size in SIZES.items():
        names = [f"bert-{count}-{rank}" for rank in range(count)]
        assert listed.get(f"nsml_run_bert_{count}", {}).get("hosts", []) == names
        assert [listed["_meta"]["hostvars"][name]["ansible_port"] for name in names] == [15001 + rank for rank in range(count)]
        assert len([asked for asked in simulator.requests if f"/runs/{count}/" in asked.path]) == requests_for(count, size), count
    assert len(listed["_meta"]["hostvars"]) == sum(SIZES)
    assert simulator.connections <= 4 * len(SIZES)


@pytest.mark.parametrize("count", [0, 250])
def test_graph_host_and_a_play_agree_with_the_list(place: Place, count: int) -> None:
    play = """\
        - hosts: localhost
          gather_facts: false
          tasks:
            - ansible.builtin.assert:
                that: groups['nsml'] | default([]) | length == expected | int
        """
    with Simulator(bert(ranks(count))) as simulator:
        workplace = place(simulator)
        workplace.write("play.yml", play)
        graph = workplace.run("ansible-inventory", "-i", "test.nsml.yml", "--graph", "nsml_run_bert_2", check=count > 0)
        assert graph.stdout.count("|--bert-2-") == count
        if count:
            assert workplace.host(f"bert-2-{count - 1}")["nsml_world_size"] == count
        workplace.run("ansible-playbook", "-i", "test.nsml.yml", "play.yml", "-e", f"expected={count}")


def test_the_vendors_example_is_one_host_as_it_stands(place: Place) -> None:
    with Simulator(vendor_example()) as simulator:
        project = simulator.projects[0]
        workplace = place(simulator, f"plugin: navercloud.nsml.nodes\nproject: '{project.id}'\nrun: {project.runs[0].name}\n")
        listed = workplace.listed()
        (name,) = listed["_meta"]["hostvars"]
        variables = workplace.host(name)
    assert name == "project-2-0"
    assert (variables["ansible_host"], variables["ansible_port"]) == ("223.130.154.166", 15001)
    assert (variables["nsml_rank"], variables["nsml_exit_code"], variables["nsml_tcp_ports"]) == (0, -1, [15002, 15003])
    assert variables["nsml_state"] == "NODE_STATE_RUNNING"
    assert variables["nsml_ready"] is True
    for group in ("nsml", "nsml_project_project", "nsml_run_project_2", "nsml_state_running", "nsml_rank_0", "nsml_ready"):
        assert listed[group]["hosts"] == ["project-2-0"]


def test_a_missing_key_is_named_with_all_places_that_were_tried(place: Place) -> None:
    with Simulator(bert(ranks(1))) as simulator:
        workplace = place(simulator, NCLOUD_SECRET_ACCESS_KEY="", NCLOUD_SECRET_KEY="")
        text = workplace.refused()
    for part in ("secret_key", "NCLOUD_SECRET_ACCESS_KEY", "NCLOUD_SECRET_KEY", "~/.ncloud/configure"):
        assert part in text
    assert simulator.requests == []


def test_a_wrong_key_gives_the_gateways_own_words(place: Place) -> None:
    with Simulator(bert(ranks(1))) as simulator:
        text = place(simulator, NCLOUD_SECRET_ACCESS_KEY="quite-another-secret").refused()
        no_subscription = place(simulator, NCLOUD_NSML_API_KEY="quite-another-key").refused()
    path = f"GET /nsml/v1/projects/{PROJECT_ID}/runs/2/nodes"
    assert path in text
    assert 'HTTP 401, code 200: "Authentication Failed"' in text
    assert 'code 210: "Permission Denied"' in no_subscription
    assert "quite-another" not in text + no_subscription


@pytest.mark.parametrize(
    ("project", "run", "words"),
    [(PROJECT_ID, "7", "Run '7' was not found"), ("abc123xxx0xxxxxxx", "2", "Project 'abc123xxx0xxxxxxx' was not found")],
)
def test_what_is_not_there_is_reported_with_the_path(place: Place, project: str, run: str, words: str) -> None:
    with Simulator(bert(ranks(1))) as simulator:
        text = place(simulator, f"plugin: navercloud.nsml.nodes\nproject: {project}\nrun: {run}\n").refused()
    assert words in text
    assert f"GET /nsml/v1/projects/{project}/runs/{run}/nodes" in text
    assert "404" in text
    assert "bert" in text


def test_an_inventory_that_cannot_be_read_can_be_made_to_fail(place: Place) -> None:
    with Simulator(bert(ranks(1))) as simulator:
        simulator.answer_next(Answer(status=403, body="no"), times=9)
        workplace = place(simulator, ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="true")
        done = workplace.run("ansible-inventory", "-i", "test.nsml.yml", "--list", check=False)
    assert done.returncode == 1


def test_a_second_page_that_fails_leaves_nothing_behind(place: Place) -> None:
    with Simulator(bert(ranks(30))) as simulator:

        def refuse_the_second(number: int) -> None:
            if number == 2:
                simulator.answer_next(Answer(status=403, body="no"))

        simulator.before_answer = refuse_the_second
        text = place(simulator, f"{MINIMAL}page_size: 10\n").refused()
    assert "HTTP 403" in text


def test_runs_come_in_the_order_of_their_numbers(place: Place) -> None:
    runs = [Run(name, nodes=[Node(rank=rank, port=16000 + rank) for rank in (1, 0)]) for name in ("10", "2")]
    with Simulator([Project(name="bert", id=PROJECT_ID, runs=runs)]) as simulator:
        text = f"plugin: navercloud.nsml.nodes\nproject: {PROJECT_ID}\nrun: [10, 2]\n"
        listed = place(simulator, text).listed()
    assert listed["nsml"]["hosts"] == ["bert-2-0", "bert-2-1", "bert-10-0", "bert-10-1"]
    assert listed["nsml_rank_0"]["hosts"] == ["bert-2-0", "bert-10-0"]


OTHERS = f"""\
all:
  hosts: {{static: {{note: "plugin: navercloud.nsml.nodes", project: {PROJECT_ID}}}}}
"""


@pytest.mark.parametrize("name", ["inventory.yml", "bert.yaml"])
def test_a_file_of_any_name_is_read_by_its_plugin_line(place: Place, name: str) -> None:
    with Simulator(bert(ranks(1))) as simulator:
        workplace = place(simulator)
        workplace.write(name, MINIMAL)
        workplace.write("hosts.yml", OTHERS)
        assert list(workplace.listed(name)["_meta"]["hostvars"]) == ["bert-2-0"]
        assert list(workplace.listed("hosts.yml")["_meta"]["hostvars"]) == ["static"]


def test_a_vaulted_file_is_read_if_it_names_the_plugin_and_left_to_others_if_not(place: Place) -> None:
    with Simulator(bert(ranks(1))) as simulator:
        workplace = place(
            simulator, ANSIBLE_INVENTORY_ENABLED="navercloud.nsml.nodes,yaml,auto", ANSIBLE_VAULT_PASSWORD_FILE="password"
        )
        workplace.write("password", "vault password\n")
        # ansible-core 2.22 hides each value of a vaulted file in all output; a host name holds the run's number.
        workplace.write("ours.yml", MINIMAL.replace("run: 2", "run: latest"))
        workplace.write("hosts.yml", OTHERS)
        workplace.run("ansible-vault", "encrypt", "ours.yml", "hosts.yml")
        assert list(workplace.listed("ours.yml")["_meta"]["hostvars"]) == ["bert-2-0"]
        done = workplace.run("ansible-inventory", "-i", "hosts.yml", "--list")
    assert "static" in done.stdout
    assert done.stderr == ""


def test_the_plugins_page_is_complete(place: Place) -> None:
    with Simulator(bert([])) as simulator:
        page = place(simulator).run("ansible-doc", "-t", "inventory", "navercloud.nsml.nodes").stdout
    for word in ("access_key", "group_by", "hostvars_prefix", "keyed_groups", "NCLOUD_NSML_PROJECT", "EXAMPLES"):
        assert word in page
