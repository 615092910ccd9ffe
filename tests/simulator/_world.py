# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data of the service: projects, their runs and their nodes. A test may change them at any time."""

from __future__ import annotations

import hashlib
import itertools
import math
import string
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

NODE_RUNNING: Final = "NODE_STATE_RUNNING"
NODE_PENDING: Final = "NODE_STATE_PENDING"
RUN_IN_PROGRESS: Final = "RUN_STATE_IN_PROGRESS"
RUN_COMPLETED: Final = "RUN_STATE_COMPLETED"

# A value in `extra` that removes the field from the row.
ABSENT: Final = object()


@dataclass(eq=False, kw_only=True)
class _Row:
    """Base of all rows: `extra` fields to add, replace or remove, or a `raw` value that replaces the row."""

    extra: dict[str, Any] = field(default_factory=dict)
    raw: Any = ABSENT

    def finish(self, row: dict[str, Any]) -> Any:
        """Return the row as the API sends it."""
        if self.raw is not ABSENT:
            return self.raw
        return {name: value for name, value in {**row, **self.extra}.items() if value is not ABSENT}


@dataclass(eq=False)
class Node(_Row):
    """One node of a run.

    `changes` are pairs of (seconds since the start, attributes that change at that time). A node is listed from
    `appears` until `vanishes`, also in seconds since the start.
    """

    rank: int = 0
    id: str = ""
    state: str = NODE_RUNNING
    host: str | None = "127.0.0.1"
    port: int | None = None
    tcp_ports: list[int] = field(default_factory=list)
    resource_type: str = "[GPU] 8GPU, 96vCPU, 1800GB Mem"
    container_image: str = "nvcr.io/nvidia/pytorch:24.05-py3"
    exit_code: int = -1
    command: str = ""
    create_time: str = "2024-09-03T01:38:26"
    update_time: str = "2024-09-03T01:39:51"
    changes: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    appears: float = 0.0
    vanishes: float = math.inf

    def at(self, seconds: float) -> Node | None:
        """Return the node in its state at that time, or None if it is not listed."""
        if not self.appears <= seconds < self.vanishes:
            return None
        due = [attributes for moment, attributes in self.changes if moment <= seconds]
        return replace(self, **{name: value for attributes in due for name, value in attributes.items()})

    def row(self, project: Project, run: Run) -> Any:
        """Return the node as a row of the list of nodes."""
        return self.finish(
            {
                "nodeId": self.id,
                "projectId": project.id,
                "projectName": project.name,
                "runName": run.name,
                "state": self.state,
                "resourceType": self.resource_type,
                "containerImage": self.container_image,
                "rank": self.rank,
                "exitCode": self.exit_code,
                "host": self.host,
                "sshPort": self.port,
                "tcpPorts": self.tcp_ports,
                "command": self.command,
                "createTime": self.create_time,
                "updateTime": self.update_time,
            }
        )


@dataclass(eq=False)
class Run(_Row):
    """One run of a project, with its nodes."""

    name: str
    nodes: list[Node] = field(default_factory=list)
    status: str = RUN_IN_PROGRESS
    run_type: str = "TRAINING"
    creator: str = "user@example.com"
    create_time: str = "2024-09-03 10:38:26"
    update_time: str = "2024-09-03 10:39:51"

    def row(self, project: Project) -> Any:
        """Return the run as a row of the list of runs."""
        return self.finish(
            {
                "runName": self.name,
                "runType": self.run_type,
                "projectId": project.id,
                "projectName": project.name,
                "status": self.status,
                "creator": self.creator,
                "createTime": self.create_time,
                "updateTime": self.update_time,
            }
        )

    def detail(self, project: Project) -> Any:
        """Return the run as the response to a request for one run."""
        return self.finish(
            {
                "runName": self.name,
                "projectId": project.id,
                "projectName": project.name,
                "status": self.status,
                "creator": self.creator,
                "engFullName": "PyTorch",
                "gpuSvrCode": "A100",
                "imageType": "PUBLIC",
                "imagePath": "nvcr.io/nvidia/pytorch:24.05-py3",
                "command": "",
                "envs": [],
                "note": "",
            }
        )


@dataclass(eq=False)
class Project(_Row):
    """One project, with its runs. Missing IDs are derived from the names, so they are the same each time."""

    name: str
    id: str = ""
    runs: list[Run] = field(default_factory=list)
    status: str = "CREATED"
    _numbers: Iterator[int] = field(default_factory=itertools.count, init=False, repr=False)

    def __post_init__(self) -> None:
        self.id = self.id or _made_id(self.name)
        self.name_nodes()

    def name_nodes(self) -> None:
        """Give an ID to each node without one. A number is used once, so two nodes never have the same ID."""
        for run in self.runs:
            for node in run.nodes:
                node.id = node.id or _made_id(self.id, next(self._numbers))

    def row(self, node_count: int) -> Any:
        """Return the project as a row of the list of projects."""
        return self.finish(
            {
                "projectId": self.id,
                "vpcNo": "10001",
                "projectName": self.name,
                "status": self.status,
                "userNo": "20001",
                "runCount": len(self.runs),
                "nodeCount": node_count,
                "createdDate": "2024-09-03 10:00:00",
                "updatedDate": "2024-09-03 10:00:00",
            }
        )


class World:
    """All projects, and the clock that controls the changes of their nodes."""

    def __init__(self, projects: list[Project], clock: Callable[[], float] = time.monotonic) -> None:
        self.projects = projects
        self._clock = clock
        self._start = clock()

    @property
    def seconds(self) -> float:
        """Return the seconds since the start."""
        return self._clock() - self._start

    def run(self, project_id: str, run_name: str) -> tuple[Project, Run] | None:
        """Return the run of that name with its project, or None."""
        for project in self.projects:
            if project.id == project_id:
                return next(((project, run) for run in project.runs if run.name == run_name), None)
        return None

    def nodes(self, project: Project, run: Run) -> list[Node]:
        """Return the nodes of the run in their current state."""
        project.name_nodes()
        seconds = self.seconds
        return [present for node in run.nodes if (present := node.at(seconds))]


def vendor_example() -> list[Project]:
    """Return the node in the vendor's API reference, with the masked IDs of the reference."""
    node = Node(
        rank=0,
        id="******0lonwq7k******",
        host="223.130.154.166",
        port=15001,
        tcp_ports=[15002, 15003],
        resource_type="[Notebook] 4vCPU, 16GB Mem",
        container_image="nvcr.io/nvidia/tensorflow:21.02-tf1-py3",
    )
    return [Project(name="project", id="******ygz0iujn******", runs=[Run("2", nodes=[node], run_type="NOTEBOOK")])]


def _made_id(*parts: object) -> str:
    """Return twenty lower-case letters and digits, like the IDs of the service."""
    alphabet = string.ascii_lowercase + string.digits
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return "".join(alphabet[byte % len(alphabet)] for byte in digest[:20])
