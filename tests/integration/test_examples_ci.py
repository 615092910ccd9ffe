# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/examples/ci: the pipeline's step as it stands there, over SSH to two OpenSSH servers."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.navercloud.nsml.tests.integration.commands import Workplace
from ansible_collections.navercloud.nsml.tests.integration.examples import EXAMPLES, commands, copied, set_variables
from ansible_collections.navercloud.nsml.tests.integration.nodes import SSHD, Server
from ansible_collections.navercloud.nsml.tests.simulator import RUN_COMPLETED, Simulator

pytestmark = pytest.mark.skipif(not SSHD.exists(), reason="OpenSSH's server is not installed")

(SMOKE,) = commands("ci")

HAS_GPUS = "#!/bin/sh\necho 'GPU 0: NVIDIA A100'\n"
HAS_NONE = "#!/bin/sh\necho 'No devices were found'; exit 6\n"


@pytest.fixture
def servers(servers: list[Server]) -> list[Server]:
    for server in servers:
        give_nvidia_smi(server, HAS_GPUS)
    return servers


def give_nvidia_smi(server: Server, text: str) -> None:
    command = server.commands / "nvidia-smi"
    command.write_text(text)
    command.chmod(0o755)


@pytest.fixture
def place(tmp_path: Path, servers: list[Server], simulator: Simulator) -> Workplace:
    """The example, on a runner that has the secrets of the step in its environment, and no key in a file."""
    workplace = copied("ci", tmp_path, servers, simulator)
    (tmp_path / ".ssh" / "nsml").unlink()
    (step,) = [step for step in steps(workplace) if "env" in step]
    secrets = {**simulator.environment, "LOGIN_KEY": servers[0].login.read_text()}
    assert step["env"] == {name: f"${{{{ secrets.{name} }}}}" for name in secrets if name != "NCLOUD_NSML_API_URL"}
    return replace(workplace, environment={**workplace.environment, **secrets})


def steps(place: Workplace) -> list[dict[str, Any]]:
    workflow = yaml.safe_load((place.directory / "github-workflow.yml").read_text())
    found: list[dict[str, Any]] = workflow["jobs"]["smoke"]["steps"]
    return found


def smoke(place: Workplace) -> tuple[int, str]:
    """Run the step as GitHub does; return its exit code and all that it printed, on one line."""
    (script,) = [step["run"] for step in steps(place) if step.get("name") == "Smoke test"]
    assert shlex.join(SMOKE) in script
    done = place.run("bash", "-e", "-c", script, check=False)
    printed = done.stdout + done.stderr
    assert place.environment["NCLOUD_SECRET_ACCESS_KEY"] not in printed or not place.environment["NCLOUD_SECRET_ACCESS_KEY"]
    return done.returncode, " ".join(printed.split())


def test_readme_names_the_secrets_that_the_step_reads() -> None:
    workflow, readme = ((EXAMPLES / "ci" / name).read_text() for name in ("github-workflow.yml", "README.md"))
    assert sorted(re.findall(r"secrets\.(\w+)", workflow)) == sorted(re.findall(r"`([A-Z_]+)`", readme))


def test_the_step_passes_and_a_node_without_gpus_fails_it(place: Workplace, servers: list[Server]) -> None:
    code, printed = smoke(place)
    assert code == 0, printed
    assert "[WARNING]" not in printed
    assert printed.count("ok: [bert-2-0]") == printed.count("ok: [bert-2-1]") == 2
    give_nvidia_smi(servers[1], HAS_NONE)
    code, printed = smoke(place)
    assert code == 2
    assert "fatal: [bert-2-1]: FAILED!" in printed
    assert "No devices were found" in printed


def test_an_inventory_that_cannot_be_read_fails_the_step_with_one_message(place: Workplace) -> None:
    keyless = replace(place, environment={**place.environment, "NCLOUD_SECRET_ACCESS_KEY": ""})
    code, printed = smoke(keyless)
    assert code == 1
    assert "'secret_key' is not set" in printed
    assert printed.count(" plugin: ") == 1
    assert "PLAY" not in printed


def test_without_those_settings_ansible_exits_with_0(place: Workplace) -> None:
    place.write("plain.yml", "- {hosts: nsml_ready, gather_facts: false, tasks: [{ansible.builtin.ping: }]}\n")
    place.write("ansible.cfg", "[defaults]\ninventory = newest.nsml.yml\n")
    keyless = replace(place, environment={**place.environment, "NCLOUD_SECRET_ACCESS_KEY": ""})
    done = keyless.run("ansible-playbook", "plain.yml")
    assert "skipping: no hosts matched" in done.stdout


def test_an_inventory_without_nodes_fails_the_step(place: Workplace, simulator: Simulator) -> None:
    simulator.projects[0].runs[0].status = RUN_COMPLETED
    set_variables(place.directory / "newest.nsml.yml", run="active", wait_timeout=0)
    code, printed = smoke(place)
    assert code == 2
    assert "No node is ready." in printed
