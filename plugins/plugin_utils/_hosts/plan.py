# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan what is added to the inventory: hosts with unique names, and groups, in a fixed order. Does not use Ansible."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import NamingError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.node import Node, place_in_run, prefix_of
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import readable, shortened, text

if TYPE_CHECKING:
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.expressions import Constructed

ALL = "nsml"
READY = "nsml_ready"
GROUP_BY = ("project", "run", "state", "rank")

_LONGEST_NAME = 128

# The group above all groups.
_ROOT = "all"

# Names with a special meaning in Ansible. A node must not be mistaken for the control node or for a group.
_RESERVED = frozenset({_ROOT, "ungrouped", "localhost", "127.0.0.1", ALL, READY})

# The variables that replace the host name when Ansible connects.
_ADDRESSES = ("ansible_host", "ansible_ssh_host")

# The identity of a node: project ID and run name, as in its row, and node ID.
NodeIdentity = tuple[str, str, str]


class Host(NamedTuple):
    """One node with its variables and its host name, which is not unique before :func:`lay_out`."""

    node: Node
    name: str
    variables: dict[str, Any]


class Layout(NamedTuple):
    """The hosts and groups of the inventory.

    :param hosts: ordered by project, run number, rank, holder of the rank first, node ID
    :param groups: the names of the groups below ``nsml``, each with the names of its hosts, in a fixed order
    :param warnings: one line for each warning
    """

    hosts: list[Host]
    groups: dict[str, list[str]]
    warnings: list[str]


@dataclass(frozen=True)
class ExistingNames:
    """The names that other sources use, and that must keep their meaning. More names can be added.

    :param names: the host name and the identity of each node
    :param groups: the name of each group of a project or run, with the value for which it was made
    :param ranks: the name of each group of a rank, with project ID and run name, and the ID of the node of this run in the group
    :param elsewhere: the names of hosts that are not nodes and have their own address
    :param group_names: the names of all groups
    """

    names: dict[str, NodeIdentity] = field(default_factory=dict)
    groups: dict[str, Hashable] = field(default_factory=dict)
    ranks: dict[tuple[str, str, str], str] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    group_names: set[str] = field(default_factory=set)

    def add(self, name: str, variables: Mapping[str, Any], groups: Iterable[str]) -> None:
        """Add a host of another source, which may be a node. The prefix of its variables does not matter.

        :param groups: the names of the groups of the host
        """
        prefix = prefix_of(variables)
        if prefix is None:
            if not variables.keys().isdisjoint(_ADDRESSES):
                self.elsewhere.add(name)
            return
        node_id, project_id, run_name = (
            text(variables.get(prefix + part)) or "" for part in ("node_id", "project_id", "run_name")
        )
        self.names[name] = project_id, run_name, node_id
        for group in groups if project_id and run_name else ():
            if group.startswith("nsml_project_"):
                self.groups[group] = project_id
            elif group.startswith("nsml_run_"):
                self.groups[group] = project_id, run_name
            elif group.startswith("nsml_rank_"):
                self.ranks[group, project_id, run_name] = node_id


def lay_out(hosts: Sequence[Host], group_by: Sequence[str], known: ExistingNames, *, strict: bool) -> Layout:
    """Return the hosts in order, with unique safe names, and their groups.

    :param group_by: the kinds of groups to make, besides ``nsml_ready``
    :param known: the names of other sources, which are not used for other nodes, projects or runs
    :raises NamingError: two hosts or two groups would have the same name, and ``strict`` is on
    """
    warnings: list[str] = []
    ordered = sorted(hosts, key=_order)
    _check_ranks(ordered, warnings, strict)
    groups = _grouped(ordered, group_by, known, warnings, strict)
    named = _named(ordered, groups.keys(), known, warnings, strict)
    members = {group: [named[place].name for place in places] for group, places in groups.items()}
    return Layout(named, members, warnings)


def safe_name(name: str) -> str:
    """Return a host name of safe characters: letters, digits, ``_``, ``.`` and ``-``."""
    return re.sub(r"[^\w.-]", "_", name).lstrip(".-")[:_LONGEST_NAME]


@lru_cache(maxsize=4096)
def safe_group(value: str) -> str:
    """Return a part of a group name, without the characters that Ansible considers unsafe."""
    return re.sub(r"\W", "_", value)[:_LONGEST_NAME]


def _order(host: Host) -> tuple[Any, ...]:
    """Return the sort key of a host: project, run number, rank, holder first, node ID. Numbers come first."""
    return *host.node.run.place, place_in_run(host.node)


def _check_ranks(hosts: Sequence[Host], warnings: list[str], strict: bool) -> None:
    """Warn of nodes that have not exited, although another node holds their rank.

    :raises NamingError: there are such nodes, and ``strict`` is on
    """
    nodes = [host.node for host in hosts if not host.node.holds_rank and not host.node.exited]
    rivals = [f"{node.name} (node {readable(node.id)})" for node in nodes]
    if rivals:
        named = shortened(map(readable, rivals))
        text = f"Several nodes that have not exited share a rank. Nodes that do not hold their rank: {named}."
        if strict:
            raise NamingError(f"{text} Exclude these nodes with 'filters: [nsml_holds_rank]', or set 'strict' to false.")
        warnings.append(text)


def _named(hosts: Sequence[Host], groups: Set[str], known: ExistingNames, warnings: list[str], strict: bool) -> list[Host]:
    """Return the hosts with unique names. A node of another source keeps its name there.

    :param groups: the names of the groups of the hosts
    :raises NamingError: names are not unique or not allowed, and ``strict`` is on
    """
    given = {key: name for name, key in reversed(known.names.items())}
    kept = [given.get(_identity(host)) if given else None for host in hosts]
    wanted = _with_predecessors_apart(hosts, [safe_name(host.name) for host in hosts])
    times = Counter(name for name, there in zip(wanted, kept) if there is None)
    clashes = {name for name, count in times.items() if count > 1 or not name or name in _RESERVED or name in groups}
    clashes |= times.keys() & (known.names.keys() | known.elsewhere | known.group_names)
    if clashes:
        text = f"These host names are not unique or not allowed: {shortened(map(repr, sorted(clashes)))}."
        if strict:
            raise NamingError(f"{text} Change 'hostnames', or set 'strict' to false to add the node ID to each name.")
        warnings.append(f"{text} The plugin added the node ID to each name.")
    taken = (times.keys() - clashes) | known.names.keys() | known.elsewhere
    return [
        Host(host.node, there or (_name_with_id(host.node, name, taken) if name in clashes else name), host.variables)
        for host, name, there in zip(hosts, wanted, kept)
    ]


def _identity(host: Host) -> NodeIdentity:
    """Return the identity of a node, as sent. Two runs may have nodes with the same ID."""
    row = host.node.row
    return text(row.get("projectId")) or "", text(row.get("runName")) or "", host.node.id


def _with_predecessors_apart(hosts: Sequence[Host], names: Sequence[str]) -> list[str]:
    """Return the names of the hosts. A node with the same name as the holder of its rank gets its node ID added."""
    if all(host.node.holds_rank for host in hosts):
        return list(names)
    named = [(name, host.node.run.key, host.node.rank) for host, name in zip(hosts, names)]
    holders = {claim for host, claim in zip(hosts, named) if host.node.holds_rank}
    return [
        f"{name}-{safe_name(host.node.id)}" if not host.node.holds_rank and claim in holders else name
        for host, name, claim in zip(hosts, names, named)
    ]


def _name_with_id(node: Node, name: str, taken: set[str]) -> str:
    """Return a name with the node ID. A name with a dash is never reserved, nor the name of a group of this plugin."""
    return _take(f"{name or 'node'}-{safe_name(node.id)}", taken)


def _take(name: str, taken: set[str]) -> str:
    """Return a name that is not taken, with a number added if necessary, and add it to the taken names."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    taken.add(free)
    return free


def _members(hosts: Sequence[Host], group_by: Sequence[str], known: ExistingNames) -> dict[tuple[str, Hashable], list[int]]:
    """Return the indexes of the hosts of each group, by the group's name and value. Groups of one kind follow each other."""
    members: dict[tuple[str, Hashable], list[int]] = {}
    for kind in (*GROUP_BY, READY):
        if kind in group_by or kind == READY:
            for place, host in enumerate(hosts):
                group = _group(kind, host.node)
                if group and not (kind == "rank" and _is_held_by_another(group[0], host.node, known)):
                    members.setdefault(group, []).append(place)
    return members


def _grouped(
    hosts: Sequence[Host], group_by: Sequence[str], known: ExistingNames, warnings: list[str], strict: bool
) -> dict[str, list[int]]:
    """Return the indexes of the hosts of each group, by its name. Two values never have the same name.

    :raises NamingError: two values would have the same name, and ``strict`` is on
    """
    members = _members(hosts, group_by, known)
    times = Counter(group for group, _value in members)
    clashes = {group for group, count in times.items() if count > 1}
    clashes |= {group for group, value in members if known.groups.get(group, value) != value}
    if clashes:
        text = f"Different values lead to the same group name: {shortened(sorted(clashes))}."
        if strict:
            raise NamingError(
                f"{text} Remove that kind of group from 'group_by', or set 'strict' to false to add a hash to each name."
            )
        warnings.append(f"{text} The plugin added a hash of the value to each name.")
    taken = times.keys() - clashes
    return {
        group
        if group not in clashes or known.groups.get(group) == value
        else _take(f"{group}_{_short_hash(value)}", taken): places
        for (group, value), places in members.items()
    }


def _group(kind: str, node: Node) -> tuple[str, Hashable] | None:
    """Return the name of a node's group of one kind, and the value for which it is made. Return None if there is none."""
    run = node.run
    project = safe_group(run.project_title)
    if kind == "project":
        return f"nsml_project_{project}", run.project_id
    if kind == "run":
        return f"nsml_run_{project}_{safe_group(run.name)}", run.key
    if kind == "state" and node.state is not None:
        return f"nsml_state_{safe_group(node.state)}", node.state
    if kind == "rank" and node.rank is not None and node.holds_rank:
        return f"nsml_rank_{node.rank}", node.rank
    if kind == READY and node.ready:
        return READY, READY
    return None


def _is_held_by_another(group: str, node: Node, known: ExistingNames) -> bool:
    """Return whether another source has added another node of the same run to the group of a rank."""
    return known.ranks.get((group, *node.run.key), node.id) != node.id


def _short_hash(value: Hashable) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:8]


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

    def add(self, constructed: Constructed) -> None:
        """Add composed variables and groups. A group and its parent are created if they do not exist."""
        self.composed.update(constructed.variables)
        for group, host, parent in constructed.memberships:
            self.members.setdefault(group, {})[host] = None
            if parent:
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
