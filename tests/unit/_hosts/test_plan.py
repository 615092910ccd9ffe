# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The draft takes what Ansible's own code adds to it, and refuses what Ansible could not hold."""

from __future__ import annotations

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import NamingError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.naming import GROUP_BY, Host, Known, lay_out
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.plan import Draft
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.node import nodes_of_run
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run
from ansible_collections.navercloud.nsml.tests.unit.inventory import rows

GROUPS = ["nsml", "nsml_project_bert", "nsml_run_bert_2", "nsml_state_running", "nsml_rank_0", "nsml_rank_1", "nsml_ready"]


def draft() -> Draft:
    nodes = nodes_of_run(rows(2), Run("p1", "2", "bert"))
    return Draft(lay_out([Host(node, node.name, {"rank": node.rank}) for node in nodes], GROUP_BY, Known(), strict=True))


def test_a_draft_holds_the_layout_in_its_order() -> None:
    drafted = draft()
    assert drafted.hosts == {"bert-2-0": {"rank": 0}, "bert-2-1": {"rank": 1}}
    assert list(drafted.members) == GROUPS
    assert list(drafted.members["nsml"]) == list(drafted.members["nsml_ready"]) == ["bert-2-0", "bert-2-1"]
    assert drafted.parents == {group: {"nsml": None} for group in GROUPS[1:]}
    assert list(drafted.own) == GROUPS[1:]
    assert drafted.composed == {}


def test_what_is_added_twice_is_there_once() -> None:
    drafted = draft()
    for _time in range(2):
        assert drafted.add_group("web") == "web"
        drafted.add_host("bert-2-1", "web")
        drafted.add_child("web", "bert-2-0")
        drafted.add_child("web", "nsml_rank_0")
        drafted.add_child("nsml_ready", "web")
    assert list(drafted.members["web"]) == ["bert-2-1", "bert-2-0"]
    assert drafted.parents["nsml_rank_0"] == {"nsml": None, "web": None}
    assert drafted.parents["web"] == {"nsml_ready": None}


def test_group_names_are_those_of_each_host_sorted() -> None:
    assert draft().group_names()["bert-2-1"] == sorted(set(GROUPS) - {"nsml_rank_0"})


@pytest.mark.parametrize(
    ("hosts", "groups", "words"),
    [
        ({"nsml_ready"}, {}, "at once: nsml_ready"),
        (set(), {"bert-2-0": []}, "at once: bert-2-0"),
        ({"nsml_ready"}, {"bert-2-0": []}, r"at once: bert-2-0, nsml_ready\."),
        (set(), {"nsml": ["mine"], "mine": ["nsml_ready"]}, "hold each other: mine, nsml, nsml_ready"),
        (set(), {"all": ["nsml"]}, "hold each other: all, nsml"),
    ],
)
def test_what_ansible_could_not_hold_is_refused(hosts: set[str], groups: dict[str, list[str]], words: str) -> None:
    with pytest.raises(NamingError, match=words):
        draft().check(hosts, groups)


def test_what_ansible_can_hold_is_not_refused() -> None:
    draft().check({"bert-2-0", "other"}, {"all": [], "ungrouped": ["all"], "nsml": ["mine"], "mine": ["all"]})
