# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes and the names they should have, to unique host names and groups in a fixed order. Pure; nothing of Ansible in it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import NamingError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.node import Node, place_in_run, prefix_of
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import readable, shortened, text

ALL = "nsml"
READY = "nsml_ready"
GROUP_BY = ("project", "run", "state", "rank")

_LONGEST_NAME = 128

# Names with a meaning of their own in Ansible: a node must not pass for the machine that Ansible runs on, nor for a group.
_RESERVED = frozenset({"all", "ungrouped", "localhost", "127.0.0.1", ALL, READY})

# What Ansible connects to in place of a host's name.
_ADDRESSES = ("ansible_host", "ansible_ssh_host")

# What identifies a node: project ID and run name, as its row has them, and node ID.
NodeKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Host:
    """One node with its variables, and the name that it should have."""

    node: Node
    name: str
    variables: dict[str, Any]


@dataclass(frozen=True)
class Layout:
    """What the inventory will hold.

    :param hosts: in the order project, run number, rank, holder of the rank first, node ID
    :param groups: names of the groups below ``nsml``, in a fixed order, each with its hosts' names in their order
    :param warnings: one line each
    """

    hosts: list[Host]
    groups: dict[str, list[str]]
    warnings: list[str]


@dataclass(frozen=True)
class ExistingNames:
    """What other sources brought, which must not come to mean something else.

    :param names: the names of nodes, each with what identifies the node: project ID, run name and node ID
    :param group_names: the names of all groups
    :param groups: the names of groups of projects and runs, each with the value that it stands for
    :param ranks: the names of groups of ranks with the project ID and name of a run, each with that run's node in the group
    :param elsewhere: the names of hosts that are not nodes and have an address of their own
    """

    names: dict[str, NodeKey] = field(default_factory=dict)
    groups: dict[str, Hashable] = field(default_factory=dict)
    ranks: dict[tuple[str, str, str], str] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    group_names: set[str] = field(default_factory=set)

    def add(self, name: str, variables: Mapping[str, Any], groups: Iterable[str]) -> None:
        """Add a host of another source, a node or not, whatever prefix its variables have.

        :param groups: the names of its groups
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

    :param known: names that other nodes, and groups that other projects and runs, do not share
    :raises NamingError: two hosts or two groups would share one name, and strict is on
    """
    warnings: list[str] = []
    ordered = sorted(hosts, key=_order)
    _check_ranks(ordered, warnings, strict)
    groups = _grouped(ordered, group_by, known, warnings, strict)
    named = _named(ordered, groups.keys(), known, warnings, strict)
    members = {group: [named[place].name for place in places] for group, places in groups.items()}
    return Layout(named, members, warnings)


def safe_name(name: str) -> str:
    """Return a host's name made of safe characters: letters, digits, ``_``, ``.`` and ``-``."""
    return re.sub(r"[^\w.-]", "_", name).lstrip(".-")[:_LONGEST_NAME]


@lru_cache(maxsize=4096)
def safe_group(value: str) -> str:
    """Return a part of a group's name, by Ansible's own rule for what is unsafe."""
    return re.sub(r"\W", "_", value)[:_LONGEST_NAME]


def _order(host: Host) -> tuple[Any, ...]:
    """Sort by project, run number, rank, holder first, node ID; what is not a number comes after all numbers."""
    run = host.node.run
    return *run.place, place_in_run(host.node)


def _check_ranks(hosts: Sequence[Host], warnings: list[str], strict: bool) -> None:
    """Warn of nodes that have not exited, though another node holds their rank."""
    rivals = [f"{host.node.name} (node {readable(host.node.id)})" for host in hosts if _is_rival(host.node)]
    if rivals:
        named = shortened(map(readable, rivals))
        text = f"Several nodes that have not exited share a rank. Nodes that do not hold their rank: {named}."
        if strict:
            raise NamingError(f"{text} Exclude these nodes with 'filters: [nsml_holds_rank]', or set 'strict' to false.")
        warnings.append(text)


def _is_rival(node: Node) -> bool:
    return not node.holds_rank and not node.exited


def _named(hosts: Sequence[Host], groups: Set[str], known: ExistingNames, warnings: list[str], strict: bool) -> list[Host]:
    """Return the hosts with unique names; a node that another source brought keeps the name that it has there."""
    given = {key: name for name, key in reversed(known.names.items())}
    kept = [given.get(_key(host)) for host in hosts]
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
        _renamed(host, there or (_name_with_id(host.node, name, taken) if name in clashes else name))
        for host, name, there in zip(hosts, wanted, kept)
    ]


def _key(host: Host) -> NodeKey:
    """Return what identifies a node, as sent: two runs may have nodes of one ID."""
    row = host.node.row
    return text(row.get("projectId")) or "", text(row.get("runName")) or "", host.node.id


def _with_predecessors_apart(hosts: Sequence[Host], names: Sequence[str]) -> list[str]:
    """Return the names that nodes should have, with the node ID added to those that want the name of the holder of their rank."""
    holders = {(name, _rank(host.node)) for host, name in zip(hosts, names) if host.node.holds_rank}
    return [
        name if host.node.holds_rank or (name, _rank(host.node)) not in holders else f"{name}-{safe_name(host.node.id)}"
        for host, name in zip(hosts, names)
    ]


def _rank(node: Node) -> tuple[str, str, int | None]:
    return node.run.project_id, node.run.name, node.rank


def _renamed(host: Host, name: str) -> Host:
    return host if name == host.name else replace(host, name=name)


def _name_with_id(node: Node, name: str, taken: set[str]) -> str:
    """Return a name with the node ID in it; what has a dash inside is never reserved, nor a group's."""
    return _take(f"{name or 'node'}-{safe_name(node.id)}", taken)


def _take(name: str, taken: set[str]) -> str:
    """Return a name, with a number where it is taken, and take it."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    taken.add(free)
    return free


def _members(hosts: Sequence[Host], group_by: Sequence[str], known: ExistingNames) -> dict[tuple[str, Hashable], list[int]]:
    """Return for each group, as its name and the value that it stands for, the places of its hosts; kind after kind."""
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
    """Return the places of its hosts for each group's name; two values never share one."""
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
    """Return a node's group of a kind, as its name and the value that it stands for; None where it is in none."""
    run = node.run
    project = safe_group(run.project_title)
    if kind == "project":
        return f"nsml_project_{project}", run.project_id
    if kind == "run":
        return f"nsml_run_{project}_{safe_group(run.name)}", (run.project_id, run.name)
    if kind == "state" and node.state is not None:
        return f"nsml_state_{safe_group(node.state)}", node.state
    if kind == "rank" and node.rank is not None and node.holds_rank:
        return f"nsml_rank_{node.rank}", node.rank
    if kind == READY and node.ready:
        return READY, READY
    return None


def _is_held_by_another(group: str, node: Node, known: ExistingNames) -> bool:
    """Return whether a group of a rank has another node of the same run from another source."""
    return known.ranks.get((group, node.run.project_id, node.run.name), node.id) != node.id


def _short_hash(value: Hashable) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:8]
