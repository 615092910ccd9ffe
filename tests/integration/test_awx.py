# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the page on AWX says, through ansible-runner, AWX's engine: the keys come from the credential type and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ansible_collections.navercloud.nsml.plugins.inventory.nodes import DOCUMENTATION
from ansible_collections.navercloud.nsml.tests.integration.commands import Workplace
from ansible_collections.navercloud.nsml.tests.integration.messages import PUT_IN, printable_strings
from ansible_collections.navercloud.nsml.tests.integration.pages import PAGES, blocks
from ansible_collections.navercloud.nsml.tests.simulator import Project, Simulator
from ansible_collections.navercloud.nsml.tests.simulator.__main__ import demonstration

FILES = {block.caption: block.text for block in blocks("awx") if block.caption}
INPUTS = yaml.safe_load(FILES["Input configuration"])
INJECTORS = yaml.safe_load(FILES["Injector configuration"])

# What AWX sets for each update of an inventory.
UPDATE = {
    "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
    "ANSIBLE_INVENTORY_EXPORT": "True",
    "ANSIBLE_VERBOSE_TO_STDERR": "True",
}

PLAY = """\
    - hosts: all
      gather_facts: false
      tasks:
        - ansible.builtin.command: printenv NSML_RANK
          register: there
          changed_when: false
        - ansible.builtin.assert:
            that: there.stdout == nsml_rank | string
    """


def injected(simulator: Simulator) -> dict[str, str]:
    """Return the environment that a credential with the simulator's keys becomes, as AWX makes it."""
    keys = {field["id"]: getattr(simulator.credentials, field["id"]) for field in INPUTS["fields"]}
    templates = ImmutableSandboxedEnvironment()
    return {name: templates.from_string(text).render(**keys) for name, text in INJECTORS["env"].items()}


def project(directory: Path, simulator: Simulator) -> Workplace:
    """Return the project of the page, whose inventory file leads to the simulator."""
    workplace = Workplace(directory, {**injected(simulator), **UPDATE})
    for name, text in FILES.items():
        if name.startswith("inventory/"):
            workplace.write(name, text)
    with (directory / "inventory" / "bert.nsml.yml").open("a") as file:
        file.write(f"api_url: {simulator.url}\n")
    return workplace


def test_the_credential_type_gives_exactly_what_the_plugin_reads() -> None:
    options = yaml.safe_load(DOCUMENTATION)["options"]
    read = {variable["name"]: name for name, option in options.items() for variable in option.get("env", ())}
    assert INJECTORS.keys() == {"env"}
    fields = [field["id"] for field in INPUTS["fields"]]
    assert {read[name]: text for name, text in INJECTORS["env"].items()} == {name: f"{{{{ {name} }}}}" for name in fields}
    assert INPUTS["required"] == fields == ["access_key", "secret_key", "api_key"]
    assert [field["id"] for field in INPUTS["fields"] if field.get("secret")] == ["secret_key", "api_key"]


def test_an_update_of_the_inventory_has_all_nodes_and_the_variables_beside_the_file(tmp_path: Path) -> None:
    with Simulator(demonstration()) as simulator:
        listed = project(tmp_path, simulator).listed("inventory/bert.nsml.yml")
    assert listed["nsml"]["hosts"] == [f"bert-2-{rank}" for rank in range(4)]
    assert listed["nsml"]["vars"] == yaml.safe_load(FILES["inventory/group_vars/nsml.yml"])


def test_an_update_without_a_credential_fails_and_one_without_a_run_does_not(tmp_path: Path) -> None:
    command = ("ansible-inventory", "-i", "inventory/bert.nsml.yml", "--list")
    with Simulator([Project("bert", runs=[])]) as simulator:
        workplace = project(tmp_path, simulator)
        empty = workplace.run(*command)
        keyless = Workplace(tmp_path, UPDATE).run(*command, check=False)
    assert json.loads(empty.stdout)["_meta"]["hostvars"] == {}
    assert keyless.returncode != 0
    assert "'access_key' is not set" in " ".join(keyless.stderr.split())


def run_job(directory: Path, simulator: Simulator, environment: dict[str, str]) -> dict[str, Any]:
    """Run the play on the nodes that are ready, as AWX does with a machine credential, and return the statistics of its end."""
    login = {name: value for name, value in simulator.environment.items() if name.startswith("ANSIBLE_")}
    key = Path(login.pop("ANSIBLE_PRIVATE_KEY_FILE")).read_text()
    user = login.pop("ANSIBLE_REMOTE_USER")
    login["ANSIBLE_SSH_ARGS"] = login["ANSIBLE_SSH_ARGS"].replace("IdentitiesOnly=yes", "IdentitiesOnly=no")
    workplace = Workplace(directory)
    workplace.write("project/site.yml", PLAY)
    workplace.write("env/ssh_key", key)
    workplace.write("env/envvars", json.dumps({**login, **environment}))
    workplace.write("env/cmdline", f"--user {user} --limit nsml_ready")
    workplace.run("ansible-runner", "run", ".", "--playbook", "site.yml", "--ident", "job", "--quiet")
    events = [json.loads(path.read_text()) for path in (directory / "artifacts" / "job" / "job_events").glob("*.json")]
    (end,) = [event["event_data"] for event in events if event["event"] == "playbook_on_stats"]
    return dict(end)


def test_a_play_runs_with_the_keys_that_the_credential_injects(tmp_path: Path) -> None:
    with Simulator(demonstration(), ssh=True) as simulator:
        project(tmp_path, simulator)
        end = run_job(tmp_path, simulator, injected(simulator))
    assert end["ok"] == {f"bert-2-{rank}": 2 for rank in range(3)}
    assert not end["failures"]
    assert not end["dark"]


def test_a_play_runs_with_the_copy_that_an_update_left_and_no_keys(tmp_path: Path) -> None:
    with Simulator(demonstration(), ssh=True) as simulator:
        update = project(tmp_path / "update", simulator)
        copy = update.run("ansible-inventory", "-i", "inventory/bert.nsml.yml", "--list").stdout
        # This is how AWX gives it to a job.
        script = Workplace(tmp_path / "job").write("inventory/hosts", f"#!/usr/bin/env python3\nprint({copy!r})\n")
        script.chmod(0o700)
        end = run_job(tmp_path / "job", simulator, {})
    assert end["ok"] == {f"bert-2-{rank}": 2 for rank in range(3)}
    assert not end["dark"]


@pytest.mark.parametrize("words", ["The Python library requests is missing", "'access_key' is not set"])
def test_the_words_that_the_page_quotes_are_the_plugins_own(words: str) -> None:
    assert words in (PAGES / "awx.rst").read_text()
    assert words.replace("access_key", PUT_IN) in "\n".join(printable_strings())
