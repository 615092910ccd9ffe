# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Load an inventory file through Ansible's own InventoryManager, from an API that `responses` plays."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import responses
from ansible import context
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.utils.context_objects import CLIArgs
from ansible.utils.display import Display
from ansible.utils.vars import load_extra_vars

URL = "https://nsml.apigw.ntruss.com/nsml/v1"
PROJECT_ID = "abc123ygz0iujnxyz"

# The vendor's reference page, as it stands.
VENDOR_EXAMPLE = """
{"nodeId": "******0lonwq7k******", "projectId": "******ygz0iujn******", "projectName": "project", "runName": "2",
 "state": "NODE_STATE_RUNNING", "resourceType": "[Notebook] 4vCPU, 16GB Mem",
 "containerImage": "nvcr.io/nvidia/tensorflow:21.02-tf1-py3", "rank": 0, "exitCode": -1,
 "host": "223.130.154.166", "sshPort": 15001, "tcpPorts": [15002, 15003], "command": "",
 "createTime": "2024-09-03T01:38:26", "updateTime": "2024-09-03T01:39:51"}
"""

KEYS = "access_key: accessKey0000000\nsecret_key: secretKey0000000\napi_key: apiKey0000000000\n"

# Nothing is tried again: a request that no test foresaw is an error at once.
SMALLEST = f"plugin: navercloud.nsml.nodes\nproject: {PROJECT_ID}\nrun: 2\nretries: 0\n"


@dataclass(frozen=True)
class Loaded:
    """What Ansible made of the sources, and all that it printed meanwhile, on one line."""

    manager: InventoryManager
    printed: str

    @property
    def names(self) -> list[str]:
        """The names of all hosts, in their order."""
        return list(self.manager.hosts)

    def variables(self, name: str) -> dict[str, Any]:
        """The variables that the inventory set for a host."""
        variables: dict[str, Any] = self.manager.hosts[name].vars
        return variables

    def members(self, group: str) -> list[str]:
        """The names of a group's hosts, in their order."""
        return [host.name for host in self.manager.groups[group].get_hosts()]

    def groups(self) -> dict[str, list[str]]:
        """All groups below nsml, each with the names of its hosts."""
        return {group.name: self.members(group.name) for group in self.manager.groups["nsml"].child_groups}


def row(**changes: Any) -> dict[str, Any]:
    """Return the vendor's example row, with changes."""
    fields: dict[str, Any] = json.loads(VENDOR_EXAMPLE)
    return {**fields, **changes}


def rows(count: int, **changes: Any) -> list[dict[str, Any]]:
    """Return the rows of one run, told apart by rank and node ID."""
    return [row(nodeId=f"node{rank}", rank=rank, sshPort=15001 + rank, **changes) for rank in range(count)]


def serve_nodes(nodes: Sequence[Any], run: str = "2", project: str = PROJECT_ID) -> None:
    """Have the API answer with a run's nodes."""
    serve(f"/projects/{project}/runs/{run}/nodes", {"nodes": nodes, "totalCount": len(nodes)})


def serve(path: str, body: Mapping[str, Any]) -> None:
    """Have the API answer a path; the body may hold NaN, as Python's own JSON may."""
    responses.get(URL + path, body=json.dumps(body), content_type="application/json")


def load(directory: Path, text: str, *, extra_vars: Sequence[str] = (), before: str = "", verbosity: int = 0) -> Loaded:
    """Write an inventory file and load it.

    :param before: another source, in INI form, that is loaded first
    """
    sources = []
    if before:
        (directory / "before.ini").write_text(before)
        sources.append(str(directory / "before.ini"))
    (directory / "test.nsml.yml").write_text(text)
    sources.append(str(directory / "test.nsml.yml"))
    return load_sources(sources, extra_vars=extra_vars, verbosity=verbosity)


def load_sources(sources: Sequence[str], *, extra_vars: Sequence[str] = (), verbosity: int = 0) -> Loaded:
    """Load inventory sources that exist, as a command would that was just started."""
    display = Display()
    display._warns.clear()
    display._errors.clear()
    vars(display).update(columns=10_000, verbosity=verbosity)
    vars(load_extra_vars).pop("extra_vars", None)  # where Ansible keeps those that it read first
    before = context.CLIARGS
    context.CLIARGS = CLIArgs({"extra_vars": tuple(extra_vars)})
    printed = io.StringIO()
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            manager = InventoryManager(loader=DataLoader(), sources=list(sources))
    finally:
        context.CLIARGS = before
        vars(load_extra_vars).pop("extra_vars", None)
        vars(display).update(verbosity=0)
    return Loaded(manager, " ".join(printed.getvalue().split()))
