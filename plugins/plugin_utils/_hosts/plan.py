# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory will hold, as plain values: made and checked whole before the inventory itself is touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from graphlib import CycleError, TopologicalSorter
from typing import Any

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import NamingError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.naming import ALL, READY, Layout

# Ansible itself puts every group below this one.
_ROOT = "all"


class InventoryPlan:
    """Hosts with their variables, groups with their members and their parent groups, all in order.

    ``own`` are the groups of the layout; ``composed`` are the variables that the user composes, by host.
    """

    def __init__(self, layout: Layout) -> None:
        self.hosts: dict[str, dict[str, Any]] = {host.name: host.variables for host in layout.hosts}
        # READY exists without members too: plays name it, and ``groups['nsml_ready']`` is an error where it does not exist.
        layout_groups = layout.groups if READY in layout.groups else {**layout.groups, READY: []}
        self.own = layout_groups.keys()
        self.composed: dict[str, dict[str, Any]] = {}
        self.members: dict[str, dict[str, None]] = {ALL: dict.fromkeys(self.hosts)}
        self.members |= {group: dict.fromkeys(names) for group, names in layout_groups.items()}
        self.parents: dict[str, dict[str, None]] = {group: {ALL: None} for group in layout_groups}

    def add_member(self, group: str, host: str) -> None:
        """Add a host to a group, which is made where it does not exist."""
        self.members.setdefault(group, {})[host] = None

    def add_parent(self, group: str, parent: str) -> None:
        """Put a group below another, which is made where it does not exist."""
        self.members.setdefault(parent, {})
        self.parents.setdefault(group, {})[parent] = None

    def group_names(self) -> dict[str, list[str]]:
        """Return for each host the names of its groups, sorted, as the variable of that name has them."""
        names: dict[str, list[str]] = {host: [] for host in self.hosts}
        for group in sorted(self.members):
            for host in self.members[group]:
                names[host].append(group)
        return names

    def check(self, hosts: Set[str], parents: Mapping[str, Iterable[str]]) -> None:
        """Refuse what would make the inventory inconsistent with what it holds already.

        :param hosts: the names of the hosts of other sources
        :param parents: the names of their groups, each with those of its parent groups
        :raises NamingError: a host has the name of a group, or groups would contain each other
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
