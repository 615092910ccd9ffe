# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory is as Ansible's public methods make it. A core that changes the internals relied upon fails here."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.inventory.data import InventoryData
from ansible.inventory.group import Group
from ansible.inventory.host import Host

from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts import plan as _plan
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.expressions import Constructed
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.populate import populate
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.node import nodes_of_run
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run
from ansible_collections.navercloud.nsml.tests.unit.inventory import rows

SOURCE = "/tmp/bert.nsml.yml"


def planned(*, above: bool) -> _plan.InventoryPlan:
    """Return a plan with all that a plan may hold; ``nsml`` may be below another group, which changes the depth of all."""
    nodes = nodes_of_run(rows(3), Run("p1", "2", "bert"))
    hosts = [_plan.Host(node, node.name, {"rank": node.rank, "labels": {"a": 1}}) for node in nodes]
    plan = _plan.InventoryPlan(_plan.lay_out(hosts, _plan.GROUP_BY, _plan.ExistingNames(), strict=True))
    composed = {host: {"number": 1, "text": "a", "list": ["a"], "labels": {"b": 2}} for host in plan.hosts}
    memberships = [
        ("web", "bert-2-1", "site"),
        ("nsml_rank_1", "bert-2-1", "site"),
        *([("nsml", "bert-2-1", "above")] if above else []),
        ("team", "bert-2-2", ""),
    ]
    plan.add(Constructed(composed, memberships))
    return plan


def inventory(*, existing: bool) -> InventoryData:
    """Return an inventory, empty or with hosts and groups of another source."""
    made = InventoryData()
    if existing:
        made.current_source = "/tmp/before.ini"
        for group in ("team", "mine"):
            made.add_group(group)
        made.add_group("nsml")
        for host, group in (("old", "team"), ("bert-2-0", "mine")):
            made.add_host(host, group)
        made.add_child("nsml", "mine")
        made.set_variable("bert-2-0", "labels", {"z": 0})
        made.get_groups_dict()  # which fills the caches of hosts
    made.current_source = SOURCE
    return made


def populate_publicly(made: InventoryData, plan: _plan.InventoryPlan) -> None:
    """Do with Ansible's public methods what the collection does directly."""
    for host, variables in plan.hosts.items():
        made.add_host(host)
        for name, value in variables.items():
            if name in made.hosts[host].vars:  # a field replaces what another source says, also where both are dictionaries
                del made.hosts[host].vars[name]
            made.set_variable(host, name, value)
        for name, value in plan.composed[host].items():
            made.set_variable(host, name, value)
    for group in plan.members:
        made.add_group(group)
    for group, hosts in plan.members.items():
        for host in hosts:
            made.add_host(host, group)
    for group, parents in plan.parents.items():
        for parent in parents:
            made.add_child(parent, group)


def state(made: InventoryData) -> dict[str, Any]:
    """Return every attribute of every host and group, other hosts and groups by name."""
    for group in made.groups.values():  # both caches are filled when they are asked for
        group.get_hosts()
        assert group.host_names == {host.name for host in group.hosts}
    things: list[Host | Group] = [*made.hosts.values(), *made.groups.values()]
    return {thing.name: {name: plain(value) for name, value in vars(thing).items() if name != "_uuid"} for thing in things}


def plain(value: Any) -> Any:
    """Return a value without objects of Ansible."""
    if isinstance(value, (Host, Group)):
        return value.name
    if isinstance(value, (list, set)):
        return sorted(map(str, map(plain, value)))
    return value


def plain_groups(made: InventoryData) -> dict[str, list[str]]:
    """Return the variable ``groups``; Ansible walks over sets of groups, so the order of the hosts is by chance."""
    return {group: sorted(hosts) for group, hosts in made.get_groups_dict().items()}


@pytest.mark.parametrize("above", [False, True])
@pytest.mark.parametrize("existing", [False, True])
def test_the_inventory_is_as_public_methods_make_it(existing: bool, above: bool) -> None:
    direct, public = inventory(existing=existing), inventory(existing=existing)

    populate(direct, planned(above=above))
    populate_publicly(public, planned(above=above))

    assert state(direct) == state(public)
    for made in (direct, public):
        made.reconcile_inventory()
    assert state(direct) == state(public)
    assert plain_groups(direct) == plain_groups(public)
    assert list(direct.hosts) == list(public.hosts)
