# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every example in README is run, and what it shows is what is seen."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.navercloud.nsml.tests.integration.commands import Workplace
from ansible_collections.navercloud.nsml.tests.integration.pages import PAGES, README, REPOSITORY, readme_block, readme_blocks
from ansible_collections.navercloud.nsml.tests.simulator import RUN_IN_PROGRESS, Node, Simulator
from ansible_collections.navercloud.nsml.tests.simulator.__main__ import demonstration

SHIPPED = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "SECURITY.md",
    "bindep.txt",
    "changelogs",
    "decision-environment.yml",
    "docs",
    "execution-environment.yml",
    "extensions",
    "meta",
    "plugins",
    "requirements.txt",
}


# README's YAML blocks, each by a line of its own.
SMALLEST, LOGIN, WAITING, CACHED, NAMED = "run: 2", "ansible_user:", "wait_timeout:", "cache: true", "hostnames:"
PLAYBOOK = "hosts: nsml_ready"
RANKS = [f"bert-2-{rank}" for rank in range(4)]


def commands() -> list[str]:
    """Return the commands of the README's console blocks."""
    return [line.removeprefix("$ ") for block in readme_blocks("console") for line in block.splitlines() if line]


def test_the_installation_works_as_written(tmp_path: Path) -> None:
    (block,) = [block for block in readme_blocks("console") if "ansible-galaxy collection install" in block]
    create, *install = [line.removeprefix("$ ") for line in block.splitlines()]
    assert create == "python3 -m venv ~/ansible"
    assert {"ansible-core", "requests"} <= {*block.split()}
    workplace = Workplace(tmp_path, {"HOME": str(tmp_path), "PIP_NO_INDEX": "1"})
    workplace.run("bash", "-euc", create)
    # In place of a package index: what is installed here. pip looks for what it is told to, and finds it.
    (packages,) = tmp_path.glob("ansible/lib/python3*/site-packages")
    (packages / "installed_here.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")))
    script = "\n".join(install).replace("/path/to/the/clone", shlex.quote(str(REPOSITORY)))
    bare = "unset ANSIBLE_COLLECTIONS_PATH ANSIBLE_HOME"
    shown = workplace.run("bash", "-euc", f"{bare}\n{script}\nansible-doc -t inventory navercloud.nsml.nodes")
    installed = tmp_path / ".ansible" / "collections" / "ansible_collections" / "navercloud" / "nsml"
    assert str(installed) in shown.stdout
    assert {path.name for path in installed.iterdir()} == SHIPPED


def test_the_first_real_use_works_as_written(tmp_path: Path) -> None:
    with Simulator(demonstration(), ssh=True) as simulator:
        workplace = Workplace(tmp_path, simulator.environment)
        workplace.write("bert.nsml.yml", readme_block("yaml", SMALLEST))
        variables = yaml.safe_load(readme_block("yaml", LOGIN))
        assert variables.keys() == {"ansible_user", "ansible_ssh_private_key_file"}
        # As README says, but with the user and the key of the simulated nodes.
        workplace.write(
            "group_vars/nsml.yml",
            yaml.safe_dump(
                {
                    "ansible_user": simulator.environment["ANSIBLE_REMOTE_USER"],
                    "ansible_ssh_private_key_file": simulator.environment["ANSIBLE_PRIVATE_KEY_FILE"],
                }
            ),
        )
        workplace.write("site.yml", readme_block("yaml", PLAYBOOK))
        shown = {command: workplace.run(*command.split()).stdout for command in commands() if "bert.nsml.yml" in command}
    (listed,) = [printed for command, printed in shown.items() if command.startswith("ansible-inventory")]
    (reached,) = [printed for command, printed in shown.items() if command.startswith("ansible ")]
    played = {"--limit" in command: printed for command, printed in shown.items() if command.startswith("ansible-playbook")}
    assert len(shown) == 2 + len(played)
    assert "|--bert-2-3" in listed
    assert reached.count("SUCCESS") == 3
    assert played[False].count("changed: [bert-2-") == 3
    assert "bert-2-0" in played[True]
    assert "bert-2-1" not in played[True]


@pytest.mark.parametrize(
    ("holding", "hosts", "cached"), [(WAITING, RANKS, False), (CACHED, RANKS, True), (NAMED, ["worker0", "worker1"], False)]
)
def test_each_further_example_works_as_written(tmp_path: Path, holding: str, hosts: list[str], cached: bool) -> None:
    world = demonstration(0)
    world[0].runs[0].status = RUN_IN_PROGRESS
    world[0].runs[0].nodes = [Node(state="NODE_STATE_COMPLETED", exit_code=0)]
    world[0].name_nodes()
    with Simulator(world, ssh=True) as simulator:
        workplace = Workplace(tmp_path, simulator.environment)
        workplace.write("test.nsml.yml", readme_block("yaml", holding))
        listed = workplace.listed()
        requests = len(simulator.requests)
        workplace.listed()
        assert (len(simulator.requests) == requests) is cached
    assert listed["nsml_state_running"]["hosts"] == hosts


def test_no_example_is_left_out() -> None:
    tested = {readme_block("yaml", holding) for holding in (SMALLEST, PLAYBOOK, LOGIN, WAITING, CACHED, NAMED)}
    assert tested == {*readme_blocks("yaml")}
    tools = {
        ".",
        ".venv/bin/python",
        "make",
        "ansible-doc",
        "ansible-galaxy",
        "python3",
        "export",
        "ansible-inventory",
        "ansible",
        "ansible-playbook",
    }
    assert {line.split()[0] for line in commands()} <= tools


def test_the_settings_that_readme_names_are_read_by_the_plugin(tmp_path: Path) -> None:
    exported = {name for command in commands() for name in re.findall(r"export (N\w+)=", command)}
    assert exported
    with Simulator(demonstration()) as simulator:
        environment = {name: simulator.environment[name] for name in (*exported, "NCLOUD_NSML_API_URL")}
        workplace = Workplace(tmp_path, environment)
        workplace.write("test.nsml.yml", readme_block("yaml", SMALLEST))
        assert len(workplace.listed()["nsml"]["hosts"]) == 4


def test_the_settings_for_stopping_stop_and_show_one_message(tmp_path: Path) -> None:
    exported = [command.removeprefix("export ") for command in commands() if command.startswith("export ANSIBLE")]
    workplace = Workplace(tmp_path, dict(setting.split("=") for setting in exported))
    workplace.write("bert.nsml.yml", readme_block("yaml", SMALLEST))
    done = workplace.run("ansible-inventory", "-i", "bert.nsml.yml", "--list", check=False)
    assert done.returncode == 1
    assert "'access_key' is not set" in " ".join(done.stderr.split())
    assert "Invalid host pattern" not in done.stderr


def test_the_settings_for_stopping_come_before_each_command_that_reads_an_inventory() -> None:
    typed = commands()
    settings = [place for place, command in enumerate(typed) if command.startswith("export ANSIBLE_")]
    assert len(settings) == 2
    assert max(settings) < min(place for place, command in enumerate(typed) if " -i " in command)


def test_each_file_is_shown_before_the_commands_that_use_it() -> None:
    for name, holding in (("bert.nsml.yml", SMALLEST), ("site.yml", PLAYBOOK)):
        assert README.index(f"`{name}`") < README.index(readme_block("yaml", holding)) < README.index(f" {name}")


def test_the_ratio_that_readme_quotes_is_the_measured_one() -> None:
    page = (REPOSITORY / "docs" / "performance.md").read_text()
    (row,) = re.findall(r"^\|.* four expressions / hetzner.hcloud with four \|.*", page, re.MULTILINE)
    assert f"{row.split('|')[4].strip()} times the CPU time" in README


@pytest.mark.parametrize("target", ["demo", "test", "lint"])
def test_the_commands_for_everybody_exist(target: str) -> None:
    assert f"make {target}" in commands()
    subprocess.run(["make", "--dry-run", target], cwd=REPOSITORY, capture_output=True, check=True)


def test_the_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if not target.startswith("https://"):
            path, _mark, anchor = target.partition("#")
            page = REPOSITORY / (path or "README.md")
            assert page.exists(), target
            assert not anchor or anchor in anchors(page), target


def anchors(page: Path) -> set[str]:
    """Return the anchors that a code host gives to the titles of a page."""
    titles = re.findall(r"^(?:#+ (.+)|(\S.*)(?=\n[-=~^]{3,}$))", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", (markdown or rst).lower()).replace(" ", "-") for markdown, rst in titles}


def test_pages_link_to_titles_that_readme_has() -> None:
    for page in PAGES.glob("*.rst"):
        assert set(re.findall(r"ansible-collection-nsml#([\w-]+)", page.read_text())) <= anchors(REPOSITORY / "README.md")


def test_each_page_of_the_docsite_is_in_its_table_of_contents() -> None:
    contents = yaml.safe_load((REPOSITORY / "docs" / "docsite" / "extra-docs.yml").read_text())
    listed = [page for section in contents["sections"] for page in section["toctree"]]
    assert sorted(listed) == sorted(page.stem for page in PAGES.glob("*.rst"))
