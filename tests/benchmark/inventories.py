# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory files of the benchmark: ours, the floor, and those of other clouds."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .fleet import Fleet, project_id
from .runner import ROOT, Command, Runner


class Inventories:
    """Writes inventory files into the runner's directory; each method returns the path of one."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._written = 0

    def ours(self, fleet: Fleet, *, milliseconds: int = 0, **options: Any) -> str:
        """Write an inventory of all nodes of a fleet, through our plugin; one run is named, several are looked up."""
        selection = {"project": project_id(1), "run": 1} if fleet.runs == 1 else {"run": "all"}
        keys = {"access_key": "accessKey0000000", "secret_key": "secretKey0000000", "api_key": "apiKey0000000000"}
        url = {"api_url": f"{self._runner.url}/{fleet}/{milliseconds}/nsml/v1"}
        return self._write("nsml.yml", {"plugin": "navercloud.nsml.nodes", **url, **keys, **selection, **options})

    def cached(self, fleet: Fleet, **options: Any) -> str:
        """Write an inventory through our plugin, and fill its cache."""
        connection = str(self._path("cache"))
        inventory = self.ours(fleet, cache=True, cache_plugin="jsonfile", cache_connection=connection, cache_timeout=0, **options)
        self._runner.measure(list_hosts(inventory))
        return inventory

    def script(self, fleet: Fleet, **options: Any) -> str:
        """Write a script that prints ready JSON: hosts, variables and groups as our plugin gives them."""
        listing = self._path("json")
        inventory = self.ours(fleet, **options)
        self._runner.measure(Command(("ansible-inventory", "-i", inventory, "--list", "--output", str(listing))))
        # In a process of its own: what this one takes up counts as memory of those that it starts.
        subprocess.run([sys.executable, "-m", "tests.benchmark.marks", listing], cwd=ROOT, check=True)
        script = self._path("sh")
        script.write_text(f'#!/bin/sh\nexec cat "{listing}"\n')
        script.chmod(0o755)
        return str(script)

    def empty(self) -> str:
        """Write an inventory without hosts."""
        path = self._path("ini")
        path.write_text("[nothing]\n")
        return str(path)

    def peers(self) -> dict[str, Callable[[Fleet], str]]:
        """Return how an inventory is written through each of the other collections that are installed."""
        writers = {"hetzner.hcloud": self.hcloud, "vultr.cloud": self.vultr, "netbox.netbox": self.netbox}
        return {peer: write for peer, write in writers.items() if peer_version(peer)}

    def hcloud(self, fleet: Fleet, **options: Any) -> str:
        """Write an inventory through hetzner.hcloud, with groups of state and place unless the options say otherwise."""
        return self._write(
            "hcloud.yml",
            {
                "plugin": "hetzner.hcloud.hcloud",
                "api_token": "token0000000",
                "api_endpoint": f"{self._runner.url}/{fleet}/0/hcloud/v1",
                "keyed_groups": [
                    {"key": "hcloud_status", "prefix": "state"},
                    {"key": "hcloud_location", "prefix": "place"},
                ],
                **options,
            },
        )

    def vultr(self, fleet: Fleet) -> str:
        """Write an inventory through vultr.cloud, with groups of state and place."""
        usual = ["id", "region", "label", "plan", "hostname", "main_ip", "v6_main_ip", "tags", "internal_ip"]
        return self._write(
            "vultr.yml",
            {
                "plugin": "vultr.cloud.vultr",
                "api_key": "key0000000",
                "api_endpoint": f"{self._runner.url}/{fleet}/0/vultr/v2",
                "attributes": [*usual, "status"],
                "keyed_groups": [
                    {"key": "vultr_status", "prefix": "state"},
                    {"key": "vultr_region", "prefix": "place"},
                ],
            },
        )

    def netbox(self, fleet: Fleet) -> str:
        """Write an inventory through netbox.netbox, with groups of state and place, which need no templates."""
        return self._write(
            "netbox.yml",
            {
                "plugin": "netbox.netbox.nb_inventory",
                "token": "token0000000",
                "api_endpoint": f"{self._runner.url}/{fleet}/0/netbox",
                "group_by": ["status", "sites"],
            },
        )

    def _write(self, ending: str, content: dict[str, Any]) -> str:
        path = self._path(ending)
        path.write_text(json.dumps(content))  # which is YAML, too
        return str(path)

    def _path(self, ending: str) -> Path:
        self._written += 1
        return self._runner.directory / f"{self._written}.{ending}"


def list_all(inventory: str) -> Command:
    """Return the command that prints all of an inventory."""
    return Command(("ansible-inventory", "-i", inventory, "--list"))


def list_hosts(inventory: str) -> Command:
    """Return the command that does the least with an inventory: it loads it and prints the names."""
    return Command(("ansible", "all", "-i", inventory, "--list-hosts"))


def peer_version(collection: str) -> str | None:
    """Return the version of a collection that came with the package ``ansible``, None where it is not installed."""
    manifest = Path(sysconfig.get_path("purelib"), "ansible_collections", *collection.split("."), "MANIFEST.json")
    return str(json.loads(manifest.read_text())["collection_info"]["version"]) if manifest.exists() else None
