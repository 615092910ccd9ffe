# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make nodes of the rows of a run, find the holder of each rank, and make the host variables of a node."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import lru_cache
from typing import Any, NamedTuple

from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run, RunRows
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.state import Phase, nearest_state, phase, state_name
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import integer, readable, text

# The documentation spells this field in two ways: the field table is wrong, and the example is right.
_MISSPELLED, _SPELLED = "tcpProts", "tcpPorts"

# Numbers, which users write into commands without quoting.
_NUMBERS = ("rank", "exitCode", "sshPort")

# ssh would take a leading dash for an option, and % for the start of a token.
_ADDRESS = re.compile(r"[A-Za-z0-9:][A-Za-z0-9._:-]*")

# The limit of DNS for one label.
_LONGEST_LABEL = 63

# Deeper values exhaust the stack of code that copies, marks or prints them.
_DEEPEST = 20


class Node(NamedTuple):
    """One node. A field that is missing or invalid in its row is None.

    :param row: the row as sent
    :param state: in lower case, without ``NODE_STATE_`` (the set of states is open)
    :param host: the address to connect to
    :param port: the port of the SSH server, 1 to 65535
    :param exit_code: 0 or more after the node has exited (example only: -1 before)
    :param created: the creation time as sent, empty if it is missing
    :param holds_rank: whether the node holds its rank; true for a node without a rank
    :param world_size: the number of ranks of the run; a node without a rank counts as one
    :param is_superseded: whether the node has exited, and a node that has not exited has the same address and port
    """

    row: Mapping[str, Any]
    id: str
    run: Run
    rank: int | None
    state: str | None
    host: str | None
    port: int | None
    exit_code: int | None
    created: str
    holds_rank: bool = True
    world_size: int = 1
    is_superseded: bool = False

    @property
    def ready(self) -> bool:
        """Whether the node is running and has an address and a port."""
        return phase(self.state) is Phase.UNDER_WAY and self.host is not None and self.port is not None

    @property
    def exited(self) -> bool:
        """Whether the node has ended. The exit code counts only if the state is unknown: an empty one may be sent as 0."""
        known = phase(self.state)
        return known is Phase.ENDED or (known is Phase.UNKNOWN and self.exit_code is not None and self.exit_code >= 0)

    @property
    def name(self) -> str:
        """The name of the node: project, run and rank, or its ID if it has no rank."""
        return f"{self.run.project_title}-{self.run.name}-{self.id if self.rank is None else self.rank}"

    @property
    def host_name(self) -> str:
        """The default host name: the name of the node, followed by its ID if it does not hold its rank."""
        return self.name if self.holds_rank else f"{self.name}-{self.id}"


def nodes_of_run(rows: Sequence[Mapping[str, Any]], run: Run) -> list[Node]:
    """Return the nodes of a run in the order of :func:`place_in_run`.

    Nodes that share a rank are a restarted node and its predecessors (inferred).

    :param rows: the rows of all nodes of the run, each with a node ID
    """
    ranks = [_rank(integer(row.get("rank"))) for row in rows]
    world_size = len({rank for rank in ranks if rank is not None}) + ranks.count(None)
    nodes = [_node(row, run, rank, world_size) for row, rank in zip(rows, ranks)]
    holders = {node.rank: node.id for node in sorted(nodes, key=_claim)}
    placed = (node if node.rank is None or holders[node.rank] == node.id else node._replace(holds_rank=False) for node in nodes)
    return sorted(placed, key=place_in_run)


def nodes_of_runs(runs: Iterable[RunRows]) -> list[Node]:
    """Return the nodes of all runs of one reading, and mark those whose address and port another node has now."""
    nodes = [node for found in runs for node in nodes_of_run(found.rows, found.run)]
    if not any(node.exited for node in nodes):
        return nodes
    in_use = {_endpoint(node) for node in nodes if node.host and node.port and not node.exited}
    return [node._replace(is_superseded=True) if node.exited and _endpoint(node) in in_use else node for node in nodes]


def _endpoint(node: Node) -> tuple[str, int | None]:
    """Return the address and port for a comparison. Case and a final dot do not matter in the name of a machine."""
    return (node.host or "").lower().rstrip("."), node.port


def place_in_run(node: Node) -> tuple[float, bool, str]:
    """Return the sort key of a node in its run: rank, holder first, node ID. A node without a rank comes last."""
    return math.inf if node.rank is None else node.rank, not node.holds_rank, node.id


def _claim(node: Node) -> tuple[bool, bool, str, str]:
    """Return the sort key of the nodes of one rank. The greatest node holds the rank."""
    return node.ready, not node.exited, node.created, node.id


def _node(row: Mapping[str, Any], run: Run, rank: int | None, world_size: int) -> Node:
    return Node(
        row=row,
        id=str(text(row["nodeId"])),
        run=run,
        rank=rank,
        state=state_name(text(row.get("state"))),
        host=_address(row.get("host")),
        port=_port(integer(row.get("sshPort"))),
        exit_code=integer(row.get("exitCode")),
        created=text(row.get("createTime")) or "",
        world_size=world_size,
    )


def variables(node: Node, prefix: str) -> dict[str, Any]:
    """Return the host variables of a node: the fields of its row, the plugin's own variables, and the connection variables.

    Fields are as sent, except numbers, which are integers or None. This includes fields that the API adds later, but a field
    never sets a variable that Ansible itself reads.

    :param prefix: the prefix of the names of all but the connection variables
    """
    names = _variable_names(prefix, tuple(node.row))
    fields = {name: _bounded(value) for name, value in zip(names, node.row.values()) if name}
    own = {
        "name": node.name,
        "world_size": node.world_size,
        "holds_rank": node.holds_rank,
        "ready": node.ready,
        **_numbers(node.row),
    }
    fields.update(zip(_variable_names(prefix, tuple(own)), own.values()))
    if node.host is None or node.port is None or node.is_superseded:
        fields["ansible_host"] = _unreachable(node.host_name)
    else:
        fields |= {"ansible_host": node.host, "ansible_port": node.port}
    return fields


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are numbers. A value that is not an integer is returned with the suffix ``Raw``."""
    fields: dict[str, Any] = {}
    for key in _NUMBERS:
        sent = row.get(key)
        fields[key] = integer(sent)
        if fields[key] is None and sent not in (None, ""):
            fields[f"{key}Raw"] = _bounded(sent)
    sent = row.get(_SPELLED, row.get(_MISSPELLED))
    fields[_SPELLED] = ports = [integer(item) for item in sent] if isinstance(sent, list) else None
    if sent not in (None, "") and (ports is None or None in ports):
        fields[f"{_SPELLED}Raw"] = _bounded(sent)
    return fields


def _unreachable(name: str) -> str:
    """Return an address that no resolver finds, even with a search domain. Without it, Ansible would look up the host name."""
    label = re.sub(r"[^A-Za-z0-9-]", "-", name).strip("-")[:_LONGEST_LABEL] or "node"
    return f"{label}.not-ready.invalid."


def warnings_of_states(nodes: Sequence[Node], wanted: Set[str]) -> list[str]:
    """Return a warning if no node is in a wanted state, and one for each misspelled state. The set of states is open.

    :param nodes: all nodes of one reading; there is no warning if there are none
    """
    seen = {node.state or "none" for node in nodes}
    warnings = []
    if seen and wanted and not wanted & seen:
        names, available = (", ".join(sorted(states)) for states in (wanted, seen))
        warnings.append(f"No node matches 'states': {names}. States of the nodes: {available}.")
    for name in sorted(wanted - seen) if seen else ():
        if nearest := nearest_state(name, seen):
            warnings.append(f"No node is in the state {name!r} ('states'). Did you mean {nearest!r}?")
    return [readable(warning) for warning in warnings]


def prefix_of(variables: Mapping[str, Any]) -> str | None:
    """Return the prefix of variables that :func:`variables` made, None for a host that is not a node."""
    names = (str(name) for name in variables)  # in other sources, a name may be a number
    prefixes = (name.removesuffix("world_size") for name in names if name.endswith("world_size"))
    return next(
        (prefix for prefix in prefixes if {f"{prefix}{field}" for field in ("node_id", "name", "ready")} <= variables.keys()),
        None,
    )


def _rank(rank: int | None) -> int | None:
    return rank if rank is not None and rank >= 0 else None


def _address(value: object) -> str | None:
    address = value.strip() if isinstance(value, str) else ""
    return address if len(address) < 256 and _ADDRESS.fullmatch(address) else None


def _port(port: int | None) -> int | None:
    return port if port is not None and 1 <= port <= 65535 else None


@lru_cache(maxsize=256)  # most rows of a list have the same keys
def _variable_names(prefix: str, keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return the variable name of each field, empty for a field that sets no variable."""
    return tuple("" if key == _MISSPELLED and _SPELLED in keys else _variable_name(prefix, key) for key in keys)


def _variable_name(prefix: str, key: str) -> str:
    """Return the name of a field in snake case, with safe characters. Return an empty string if Ansible reads the variable."""
    key = _SPELLED if key == _MISSPELLED else key
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", key).lower()
    name = prefix + re.sub(r"[^a-z0-9_]", "_", words)
    return "" if name.startswith("ansible_") else name


def _bounded(value: Any, depth: int = 0) -> Any:
    """Return a value as sent, except values that are nested too deep for Ansible, and keys that it does not guard."""
    if not isinstance(value, (list, dict)):
        return value
    if depth >= _DEEPEST:
        return "(nested too deep)"
    if isinstance(value, dict):
        return {_safe_key(key): _bounded(item, depth + 1) for key, item in value.items()}
    return [_bounded(item, depth + 1) for item in value]


def _safe_key(key: str) -> str:
    """Return a key of a nested object without characters that start a template. Up to 2.18, Ansible guards only values."""
    return re.sub(r"[{#]", "_", key)
