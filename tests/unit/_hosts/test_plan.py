# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan takes the groups that the user constructs, and refuses what Ansible could not hold."""

from __future__ import annotations

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import NamingError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.expressions import Constructed
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.plan import (
    GROUP_BY,
    ExistingNames,
    Host,
    InventoryPlan,
    lay_out,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.node import nodes_of_run
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run
from ansible_collections.navercloud.nsml.tests.unit.inventory import rows

GROUPS = ["nsml", "nsml_project_bert", "nsml_run_bert_2", "nsml_state_running", "nsml_rank_0", "nsml_rank_1", "nsml_ready"]


def plan() -> InventoryPlan:
    nodes = nodes_of_run(rows(2), Run("p1", "2", "bert"))
    return InventoryPlan(
        lay_out([Host(node, node.name, {"rank": node.rank}) for node in nodes], GROUP_BY, ExistingNames(), strict=True)
    )


def test_a_plan_holds_the_layout_in_its_order() -> None:
    planned = plan()
    assert planned.hosts == {"bert-2-0": {"rank": 0}, "bert-2-1": {"rank": 1}}
    assert list(planned.members) == GROUPS
    assert list(planned.members["nsml"]) == list(planned.members["nsml_ready"]) == ["bert-2-0", "bert-2-1"]
    assert planned.parents == {group: {"nsml": None} for group in GROUPS[1:]}
    assert list(planned.own) == GROUPS[1:]
    assert planned.composed == {}


def test_what_is_added_twice_is_there_once() -> None:
    planned = plan()
    for _time in range(2):
        planned.add(
            Constructed(
                {"bert-2-0": {"a": 1}},
                [
                    ("web", "bert-2-1", ""),
                    ("web", "bert-2-0", "nsml_ready"),
                    ("nsml_rank_0", "bert-2-0", "web"),
                    ("web", "bert-2-0", "above"),
                ],
            )
        )
    assert list(planned.members["web"]) == ["bert-2-1", "bert-2-0"]
    assert planned.parents["nsml_rank_0"] == {"nsml": None, "web": None}
    assert planned.parents["web"] == {"nsml_ready": None, "above": None}
    assert planned.members["above"] == {}
    assert planned.composed == {"bert-2-0": {"a": 1}}


def test_the_group_of_ready_nodes_exists_where_no_node_is_ready() -> None:
    planned = InventoryPlan(lay_out([], GROUP_BY, ExistingNames(), strict=True))
    assert planned.members == {"nsml": {}, "nsml_ready": {}}


def test_group_names_are_those_of_each_host_sorted() -> None:
    assert plan().group_names()["bert-2-1"] == sorted(set(GROUPS) - {"nsml_rank_0"})


@pytest.mark.parametrize(
    ("hosts", "groups", "words"),
    [
        ({"nsml_ready"}, {}, "same name: nsml_ready"),
        (set(), {"bert-2-0": []}, "same name: bert-2-0"),
        ({"nsml_ready"}, {"bert-2-0": []}, r"same name: bert-2-0, nsml_ready\."),
        (set(), {"nsml": ["mine"], "mine": ["nsml_ready"]}, "contain each other: mine, nsml, nsml_ready"),
        (set(), {"all": ["nsml"]}, "contain each other: all, nsml"),
    ],
)
def test_what_ansible_could_not_hold_is_refused(hosts: set[str], groups: dict[str, list[str]], words: str) -> None:
    with pytest.raises(NamingError, match=words):
        plan().check(hosts, groups)


def test_what_ansible_can_hold_is_not_refused() -> None:
    plan().check({"bert-2-0", "other"}, {"all": [], "ungrouped": ["all"], "nsml": ["mine"], "mine": ["all"]})
