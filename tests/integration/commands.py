# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run Ansible's commands as a user would, in a directory of their own, against a simulator."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.navercloud.nsml.tests import processes
from ansible_collections.navercloud.nsml.tests.simulator import Node, Project, Run

PROJECT_ID = "abc123ygz0iujnxyz"


@dataclass(frozen=True)
class Workplace:
    """A directory with an inventory file, and the environment of the commands that are run there."""

    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> Path:
        """Write a file and return its path."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def run(self, *command: str, check: bool = True, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; with ``check`` a failure shows all that it printed."""
        done = processes.run(command, {**os.environ, **self.environment}, timeout, cwd=self.directory)
        assert not check or done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def listed(self, inventory: str = "test.nsml.yml", *options: str) -> dict[str, Any]:
        """Return what ``ansible-inventory --list`` prints, with the marks of untrusted strings taken off."""
        done = self.run("ansible-inventory", "-i", inventory, "--list", *options)
        assert "[WARNING]" not in done.stderr, done.stderr
        listed: dict[str, Any] = json.loads(done.stdout, object_hook=_plain)
        return listed

    def host(self, name: str, inventory: str = "test.nsml.yml") -> dict[str, Any]:
        """Return what ``ansible-inventory --host`` prints."""
        variables: dict[str, Any] = json.loads(
            self.run("ansible-inventory", "-i", inventory, "--host", name).stdout, object_hook=_plain
        )
        return variables

    def refused(self, inventory: str = "test.nsml.yml", *options: str) -> str:
        """Return what is printed when the inventory cannot be read, on one line."""
        done = self.run("ansible-inventory", "-i", inventory, "--list", *options)
        assert "Failed to parse" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
        hosts = json.loads(done.stdout)["_meta"]["hostvars"]
        assert hosts == {}
        return " ".join(done.stderr.split())


def bert(nodes: list[Node], run: str = "2") -> list[Project]:
    """Return a world with one project and one run."""
    return [Project(name="bert", id=PROJECT_ID, runs=[Run(run, nodes=nodes)])]


def ranks(count: int) -> list[Node]:
    """Return so many nodes, told apart by their port."""
    return [Node(rank=rank, port=15001 + rank) for rank in range(count)]


def _plain(value: dict[str, Any]) -> Any:
    return value["__ansible_unsafe"] if value.keys() == {"__ansible_unsafe"} else value
