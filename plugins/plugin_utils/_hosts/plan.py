# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of what is added to the inventory, as plain values. It is checked before the inventory changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from graphlib import CycleError, TopologicalSorter
from typing import Any

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import NamingError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.naming import ALL, READY, Layout

# The group above all groups.
_ROOT = "all"


class InventoryPlan:
    """Hosts with their variables, and groups with their members and parent groups, in order.

    ``own`` are the names of the groups of the layout. ``composed`` are the composed variables of each host.
    """

    def __init__(self, layout: Layout) -> None:
        self.hosts: dict[str, dict[str, Any]] = {host.name: host.variables for host in layout.hosts}
        # READY exists even without members, because ``groups['nsml_ready']`` in a play would be an error otherwise.
        layout_groups = layout.groups if READY in layout.groups else {**layout.groups, READY: []}
        self.own = layout_groups.keys()
        self.composed: dict[str, dict[str, Any]] = {}
        self.members: dict[str, dict[str, None]] = {ALL: dict.fromkeys(self.hosts)}
        self.members |= {group: dict.fromkeys(names) for group, names in layout_groups.items()}
        self.parents: dict[str, dict[str, None]] = {group: {ALL: None} for group in layout_groups}

    def add_member(self, group: str, host: str) -> None:
        """Add a host to a group. The group is created if it does not exist."""
        self.members.setdefault(group, {})[host] = None

    def add_parent(self, group: str, parent: str) -> None:
        """Add a parent group to a group. The parent is created if it does not exist."""
        self.members.setdefault(parent, {})
        self.parents.setdefault(group, {})[parent] = None

    def group_names(self) -> dict[str, list[str]]:
        """Return the sorted names of the groups of each host, as in Ansible's variable ``group_names``."""
        names: dict[str, list[str]] = {host: [] for host in self.hosts}
        for group in sorted(self.members):
            for host in self.members[group]:
                names[host].append(group)
        return names

    def check(self, hosts: Set[str], parents: Mapping[str, Iterable[str]]) -> None:
        """Check that the plan fits the inventory.

        :param hosts: the names of the hosts of other sources
        :param parents: the names of the groups of other sources, each with the names of its parent groups
        :raises NamingError: a host and a group have the same name, or groups would contain each other
        """
        clashes = self.hosts.keys() & (self.members.keys() | parents.keys()) | self.members.keys() & hosts
        if clashes:
            raise NamingError(
                f"A host and a group have the same name: {', '.join(sorted(clashes))}. Change 'hostnames' or the group name."
            )
        above = {
            group: {*parents.get(group, ()), *self.parents.get(group, ()), *(() if group == _ROOT else (_ROOT,))}
            for group in (*parents, *self.members)
        }
        try:
            TopologicalSorter(above).prepare()
        except CycleError as error:
            raise NamingError(
                f"Groups cannot contain each other: {', '.join(sorted(set(error.args[1])))}. Change the parent groups in"
                " 'keyed_groups' or in the other inventory sources."
            ) from None
