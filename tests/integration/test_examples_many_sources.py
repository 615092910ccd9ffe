# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/examples/many_sources: two projects, a static host and groups across them, over SSH to two OpenSSH servers."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.tests.integration.commands import Workplace
from ansible_collections.navercloud.nsml.tests.integration.examples import bert_on, commands, copied, played, set_variables
from ansible_collections.navercloud.nsml.tests.integration.nodes import SSHD, Server, started
from ansible_collections.navercloud.nsml.tests.ports import ADDRESS
from ansible_collections.navercloud.nsml.tests.simulator import NODE_PENDING, Node, Project, Run, Simulator

GRAPH, OVERVIEW = commands("many_sources")

pytestmark = pytest.mark.skipif(not SSHD.exists(), reason="OpenSSH's server is not installed")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    with started(tmp_path_factory.mktemp("nodes"), 2) as servers:
        yield servers


@pytest.fixture
def simulator(servers: list[Server]) -> Iterator[Simulator]:
    bert = bert_on(servers[:1])
    bert[0].runs[0].nodes.append(Node(rank=1, state=NODE_PENDING, host=None))
    gpt = Node(rank=0, host=ADDRESS, port=servers[1].port, container_image="nvcr.io/nvidia/nemo:24.07")
    with Simulator([*bert, Project("gpt", runs=[Run("7", nodes=[gpt])])]) as simulator:
        yield simulator


@pytest.fixture
def place(tmp_path: Path, servers: list[Server], simulator: Simulator) -> Workplace:
    workplace = copied("many_sources", tmp_path, servers, simulator)
    set_variables(workplace.directory / "inventory" / "group_vars" / "nsml_project_gpt.yml", ansible_user=getpass.getuser())
    return workplace


def test_groups_reach_across_all_files(place: Workplace, simulator: Simulator) -> None:
    exited = f"bert-2-0-{simulator.projects[0].runs[0].nodes[1].id}"
    assert "|--@leaders:" in played(place, *GRAPH)
    listed = place.listed("inventory")
    hosts = {group: content.get("hosts", []) for group, content in listed.items() if group != "_meta"}
    expected = {
        "nsml_project_bert": ["bert-2-0", exited, "bert-2-1"],
        "nsml_project_gpt": ["gpt-7-0"],
        "nsml_rank_0": ["bert-2-0", "gpt-7-0"],
        "nsml_ready": ["bert-2-0", "gpt-7-0"],
        "monitoring": ["monitor.example.com"],
        "leaders": ["bert-2-0", "gpt-7-0"],
        "watched": ["bert-2-0", "gpt-7-0", "monitor.example.com"],
        "image_pytorch_24_05_py3": ["bert-2-0", exited, "bert-2-1"],
        "image_nemo_24_07": ["gpt-7-0"],
    }
    assert {group: sorted(hosts[group]) for group in expected} == expected


def test_the_playbook_shows_hosts_of_all_files_and_the_nodes_can_be_reached(place: Workplace, servers: list[Server]) -> None:
    printed = played(place, *OVERVIEW)
    assert sorted(re.findall(r'"msg": "(\S+) at (\S+): ', printed)) == [
        ("bert-2-0", ADDRESS),
        ("gpt-7-0", ADDRESS),
        ("monitor.example.com", "monitor.example.com"),
    ]
    reached = place.run("ansible", "nsml_ready", "-m", "ansible.builtin.raw", "-a", "echo $HOME").stdout
    assert sorted(re.findall(r"^/.*$", reached, re.MULTILINE)) == [str(server.home) for server in servers]


def test_one_file_that_cannot_be_read_stops_all(place: Workplace, simulator: Simulator) -> None:
    simulator.projects.pop()
    done = place.run(*OVERVIEW, check=False)
    assert done.returncode != 0
    assert "Project 'gpt' was not found" in " ".join(done.stderr.split())
    assert "PLAY" not in done.stdout
