# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ansible-builder makes of the collection, up to where a container engine would take over."""

from __future__ import annotations

from pathlib import Path

import yaml

from ansible_collections.navercloud.nsml.tests.integration.commands import Workplace
from ansible_collections.navercloud.nsml.tests.integration.pages import REPOSITORY, blocks

NEEDS = {"python": ["requests>=2.25"], "system": ["openssh-clients [platform:rpm]", "openssh-client [platform:dpkg]"]}


def needs(workplace: Workplace, collections: str) -> dict[str, list[str]]:
    """Return what ansible-builder finds that the collections in a folder need."""
    found = yaml.safe_load(workplace.run("ansible-builder", "introspect", collections).stdout)
    return {kind: [line.partition("  # ")[0] for line in lines] for kind, lines in found.items()}


def test_the_definition_is_built_by_the_commands_of_the_page(tmp_path: Path) -> None:
    build = "ansible-builder build --tag nsml-ee"
    (block,) = [block for block in blocks("awx") if build in block.text]
    install, copy, last = block.commands
    assert last == build
    workplace = Workplace(tmp_path)
    workplace.run(*(part.replace("/path/to/the/clone", str(REPOSITORY)) for part in install.split()))
    workplace.run(*copy.split())
    assert needs(workplace, "collections") == NEEDS

    workplace.run("ansible-builder", "create", "--output-filename", "Containerfile")
    steps = (tmp_path / "context" / "Containerfile").read_text()
    (step,) = [line for line in steps.splitlines() if "ansible-galaxy collection install" in line]
    # As the image runs it, in a folder that stands for the image's file system.
    command = step.removeprefix("RUN ").replace("/usr/share/ansible", f"{tmp_path}/image")
    image = {"ANSIBLE_COLLECTIONS_PATH": f"{tmp_path}/image/collections"}
    Workplace(tmp_path / "context" / "_build", image).run("bash", "-ec", command)
    assert needs(workplace, "image/collections") == NEEDS
