# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/groups.svg shows what Ansible prints of the simulated runs.

To draw it anew: UPDATE_DOCS=1 make test TESTS=tests/integration/test_picture.py
"""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ansible_collections.navercloud.nsml.tests.integration.commands import Workplace
from ansible_collections.navercloud.nsml.tests.integration.picture import draw, members
from ansible_collections.navercloud.nsml.tests.simulator import Simulator
from ansible_collections.navercloud.nsml.tests.simulator.__main__ import demonstration

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "groups.svg"


@pytest.fixture
def graph(tmp_path: Path) -> str:
    with Simulator(demonstration(), ssh=True) as simulator:
        workplace = Workplace(tmp_path, simulator.environment)
        workplace.write("test.nsml.yml", "plugin: navercloud.nsml.nodes\n")
        return workplace.run("ansible-inventory", "-i", "test.nsml.yml", "--graph").stdout


def test_the_picture_is_of_what_ansible_prints(graph: str) -> None:
    drawn = draw(graph)
    if os.environ.get("UPDATE_DOCS"):
        PICTURE.write_text(drawn)
    assert PICTURE.read_text() == drawn, "docs/groups.svg is out of date, see the head of this file"


def test_the_picture_names_each_group_and_host_and_has_a_line_for_each_membership(graph: str) -> None:
    groups = members(graph)
    assert groups["nsml_project_bert"] == [f"bert-2-{rank}" for rank in range(4)]
    assert groups["nsml_ready"] == ["bert-2-0", "bert-2-1", "bert-2-2", "demo-notebook-1-0"]
    svg = ElementTree.fromstring(PICTURE.read_text())
    space = "{http://www.w3.org/2000/svg}"
    hosts = {host for named in groups.values() for host in named}
    assert sorted(text.text or "" for text in svg.iter(f"{space}text")) == sorted(["nsml", *groups, *hosts])
    assert len(list(svg.iter(f"{space}path"))) == len(groups) + sum(map(len, groups.values()))
