# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make events for Event-Driven Ansible of changes. No string of an event can become a template."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.navercloud.nsml.plugins.plugin_utils._hosts.plan import ExistingNames, Host, lay_out
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.changes import (
    EXITED,
    GONE,
    Change,
    KnownNode,
    NodeChange,
    NodeKey,
    RunChange,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.node import Node, variables
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run

# The start of a Jinja2 template, and the header of a string that sets other delimiters.
_TEMPLATE = re.compile(r"\{[{%#]|\A#jinja2:")


def host_names(nodes: Sequence[Node]) -> dict[NodeKey, str]:
    """Return the host name of each node, as the inventory plugin names the hosts by default."""
    hosts = [Host(node, node.name, {}) for node in nodes]
    # No groups are needed to avoid clashes, because a default name has a dash, and the name of a group never has.
    named = lay_out(hosts, (), ExistingNames(), strict=False).hosts
    return {(host.node.run.key, host.node.id): host.name for host in named}


def event_of(change: Change) -> dict[str, Any]:
    """Return the event for a change.

    ansible-rulebook passes an event to playbooks as extra variables, whose strings Ansible trusts as templates. Therefore, a
    field that could be a template is left out, and named in ``omitted``.
    """
    return _run_event(change) if isinstance(change, RunChange) else _node_event(change)


def _node_event(change: NodeChange) -> dict[str, Any]:
    now, omitted = _node_fields(change.now.node)
    now |= _of_what_ended(change)
    nsml = {"change": change.kind, "host": change.now.host, "node": now, "before": _before(change, now)}
    if change.reason:
        nsml["reason"] = change.reason
    if omitted:
        nsml["omitted"] = omitted
    return {"nsml": nsml, "meta": {"hosts": change.now.host}}


def _before(change: NodeChange, now: dict[str, Any]) -> dict[str, Any]:
    """Return the previous values of the fields that changed."""
    if change.before is None:
        return {}
    before, omitted = _node_fields(change.before.node)
    return {name: before.get(name) for name in before | now if before.get(name) != now.get(name) and name not in omitted}


def _of_what_ended(change: NodeChange) -> dict[str, Any]:
    """Return the fields of a node that has ended that differ from its last row."""
    if change.kind not in (EXITED, GONE):
        return {}
    return {"ready": False} if change.is_listed else {"ready": False, "exit_code": None}


def _node_fields(node: Node) -> tuple[dict[str, Any], list[str]]:
    """Return the fields of a node, as in its host variables, and the names of the fields that are left out."""
    fields = variables(node, "")
    row = {key: value for key, value in node.row.items() if not _holds_template({key: value})}
    kept = fields if len(row) == len(node.row) else variables(node._replace(row=row), "")
    kept = {name: value for name, value in kept.items() if not _holds_template(value)}
    return kept, sorted(fields.keys() - kept.keys())


def _run_event(change: RunChange) -> dict[str, Any]:
    fields = _run_fields(change.run)
    run = {name: value for name, value in fields.items() if not _holds_template(value)}
    before = _run_fields(change.before) if change.before else {}
    nsml: dict[str, Any] = {
        "change": change.kind,
        "run": run | {"world_size": len(_ranks(change)), "nodes": [_in_run(seen, change) for seen in change.nodes]},
        "before": {name: value for name, value in before.items() if value != fields[name] and not _holds_template(value)},
    }
    if change.again:
        nsml["again"] = True
    if omitted := sorted(fields.keys() - run.keys()):
        nsml["omitted"] = omitted
    return {"nsml": nsml, "meta": {"hosts": list(_ranks(change).values())}}


def _run_fields(run: Run) -> dict[str, str | None]:
    return {"project_id": run.project_id, "project_name": run.project_name, "run_name": run.name, "status": run.status}


def _ranks(change: RunChange) -> dict[int | str, str]:
    """Return the host name of each rank. A node without a rank counts as one."""
    ranks: dict[int | str, str] = {}
    for seen in change.nodes:  # the holder of a rank comes first
        ranks.setdefault(seen.node.id if seen.node.rank is None else seen.node.rank, seen.host)
    return ranks


def _in_run(seen: KnownNode, change: RunChange) -> dict[str, Any]:
    exit_code = None if seen.node.id in change.unlisted else seen.node.exit_code
    return {"name": seen.host, "rank": seen.node.rank, "exit_code": exit_code}


def _holds_template(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_TEMPLATE.search(value))
    if isinstance(value, Mapping):
        return any(map(_holds_template, value.keys())) or any(map(_holds_template, value.values()))
    return isinstance(value, list) and any(map(_holds_template, value))
