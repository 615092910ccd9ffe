# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts that every API and every inventory of the benchmark tells of. Pure; each row is made when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

PROJECTS: Final = 5


@dataclass(frozen=True)
class Fleet:
    """So many nodes, spread evenly over so many runs, and the runs over a few projects."""

    nodes: int
    runs: int

    @classmethod
    def named(cls, name: str) -> Fleet:
        """Return the fleet that a part of a URL names, such as ``1000x10``."""
        nodes, runs = map(int, name.split("x"))
        return cls(nodes, runs)

    def __str__(self) -> str:
        return f"{self.nodes}x{self.runs}"

    def size(self, run: int) -> int:
        """Return how many nodes a run has; runs are numbered from 1."""
        return self.nodes // self.runs + (run <= self.nodes % self.runs)

    def project(self, run: int) -> int:
        """Return the number of a run's project, from 1."""
        return (run - 1) % min(self.runs, PROJECTS) + 1

    def place(self, index: int) -> tuple[int, int]:
        """Return run and rank of one of all nodes, counted from 0."""
        larger = self.nodes % self.runs
        size = self.nodes // self.runs
        if index < larger * (size + 1):
            return index // (size + 1) + 1, index % (size + 1)
        index -= larger * (size + 1)
        return larger + index // size + 1, index % size


def project_name(project: int) -> str:
    """Return the name of a project; for the other clouds, of a place."""
    return f"project-{project}"


def project_id(project: int) -> str:
    """Return the ID of a project."""
    return f"abc123ygz0iujnxyz{project}"


def host_name(fleet: Fleet, run: int, rank: int) -> str:
    """Return what a host is called in every inventory."""
    return f"{project_name(fleet.project(run))}-{run}-{rank}"


def state(rank: int) -> str:
    """Return the state of a node."""
    return "pending" if rank % 10 == 9 else "running"


def address(run: int, rank: int) -> str:
    """Return the address of a node."""
    return f"10.{run % 256}.{rank // 256}.{rank % 256}"


def run_row(fleet: Fleet, run: int) -> dict[str, Any]:
    """Return a run as the NSML API tells it."""
    project = fleet.project(run)
    return {
        "runName": str(run),
        "runType": "RUN_TYPE_TRAINING",
        "projectId": project_id(project),
        "projectName": project_name(project),
        "status": "RUN_STATE_IN_PROGRESS",
        "creator": "someone",
        "createTime": "2026-03-02 10:38:26",
        "updateTime": "2026-03-02 10:39:51",
    }


def node_row(fleet: Fleet, run: int, rank: int) -> dict[str, Any]:
    """Return a node as the NSML API tells it."""
    project = fleet.project(run)
    return {
        "nodeId": f"node0lonwq7k{run:05}{rank:06}",
        "projectId": project_id(project),
        "projectName": project_name(project),
        "runName": str(run),
        "state": f"NODE_STATE_{state(rank).upper()}",
        "resourceType": "[GPU] 8 x A100, 96vCPU, 1800GB Mem",
        "containerImage": "nvcr.io/nvidia/pytorch:26.01-py3",
        "rank": rank,
        "exitCode": -1,
        "host": address(run, rank),
        "sshPort": 15001,
        "tcpPorts": [15002, 15003],
        "command": "torchrun --nproc-per-node 8 train.py --config 'configs/bert-large.yaml'",
        "createTime": "2026-03-02T01:38:26",
        "updateTime": "2026-03-02T01:39:51",
    }


def hcloud_row(fleet: Fleet, index: int) -> dict[str, Any]:
    """Return a node as the API of Hetzner Cloud tells a server, with the fields that its plugin reads."""
    run, rank = fleet.place(index)
    return {
        "id": index + 1,
        "name": host_name(fleet, run, rank),
        "status": state(rank),
        "created": "2026-03-02T01:38:26+00:00",
        "public_net": {
            "ipv4": {"id": index + 1, "ip": address(run, rank), "blocked": False, "dns_ptr": f"node-{index}.example"},
            "ipv6": None,
            "floating_ips": [],
            "firewalls": [],
        },
        "private_net": [],
        "server_type": {"id": 1, "name": "gpu8", "cores": 96, "memory": 1800.0, "disk": 900, "architecture": "x86"},
        "datacenter": None,
        "location": hcloud_location(fleet.project(run)),
        "image": {"id": 1, "type": "system", "name": "pytorch-26.01", "os_flavor": "ubuntu", "description": "PyTorch"},
        "iso": None,
        "labels": {"command": "train", "rank": str(rank)},
        "protection": {"delete": False, "rebuild": False},
        "volumes": [],
        "load_balancers": [],
    }


def hcloud_location(project: int) -> dict[str, Any]:
    """Return a place as the API of Hetzner Cloud tells it."""
    return {"id": project, "name": project_name(project), "country": "KR", "city": "Chuncheon", "network_zone": "kr"}


def vultr_row(fleet: Fleet, index: int) -> dict[str, Any]:
    """Return a node as the API of Vultr tells an instance."""
    run, rank = fleet.place(index)
    name = host_name(fleet, run, rank)
    return {
        "id": f"cb676a46-66fd-4dfb-b839-{index:012}",
        "os": "Ubuntu",
        "ram": 1800000,
        "disk": 900,
        "main_ip": address(run, rank),
        "vcpu_count": 96,
        "region": project_name(fleet.project(run)),
        "plan": "vcg-a100-96c-1800g",
        "date_created": "2026-03-02T01:38:26+00:00",
        "status": state(rank),
        "power_status": "running",
        "server_status": "ok",
        "v6_main_ip": "",
        "label": name,
        "hostname": name,
        "internal_ip": "",
        "tag": "train",
        "tags": ["train", str(rank)],
        "os_id": 387,
        "features": [],
    }


def netbox_row(fleet: Fleet, index: int) -> dict[str, Any]:
    """Return a node as the API of NetBox tells a device."""
    run, rank = fleet.place(index)
    project = fleet.project(run)
    primary = {"id": index + 1, "family": {"value": 4, "label": "IPv4"}, "address": f"{address(run, rank)}/24"}
    return {
        "id": index + 1,
        "name": host_name(fleet, run, rank),
        "device_type": {"id": 1, "manufacturer": {"id": 1, "name": "maker", "slug": "maker"}, "model": "gpu8", "slug": "gpu8"},
        "role": {"id": 1, "name": "train", "slug": "train"},
        "tenant": None,
        "platform": None,
        "serial": f"node0lonwq7k{index:011}",
        "asset_tag": None,
        "site": {"id": project, "name": project_name(project), "slug": project_name(project)},
        "location": None,
        "rack": None,
        "status": {"value": state(rank), "label": state(rank).capitalize()},
        "primary_ip": primary,
        "primary_ip4": primary,
        "primary_ip6": None,
        "cluster": None,
        "virtual_chassis": None,
        "local_context_data": None,
        "tags": [{"id": 1, "name": "train", "slug": "train"}],
        "custom_fields": {"rank": rank},
        "created": "2026-03-02T01:38:26Z",
        "last_updated": "2026-03-02T01:39:51Z",
    }


def netbox_site(project: int) -> dict[str, Any]:
    """Return a place as the API of NetBox tells a site."""
    return {"id": project, "name": project_name(project), "slug": project_name(project), "prefix_count": 0}
