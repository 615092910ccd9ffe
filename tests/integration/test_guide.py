# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide is done as written, section by section: its files are written, its commands run, and what it shows is seen.

A section begins with the files and the settings of the sections before it.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.tests.integration.commands import Workplace
from ansible_collections.navercloud.nsml.tests.integration.pages import Block, blocks
from ansible_collections.navercloud.nsml.tests.simulator import NODE_RUNNING, Simulator
from ansible_collections.navercloud.nsml.tests.simulator.__main__ import demonstration

BLOCKS = blocks("guide")
# The session docs of nox installs ansible-navigator with its many dependencies. Elsewhere, its section is no skipped test.
ABSENT = () if shutil.which("ansible-navigator") else ("Use ansible-navigator",)
SECTIONS = [section for section in dict.fromkeys(block.section for block in BLOCKS) if section not in ABSENT]
PLACEHOLDER = "..."


class Reader:
    """Somebody who does what the guide says, with a home and keys of their own."""

    def __init__(self, home: Path, simulator: Simulator) -> None:
        environment = dict(simulator.environment)
        self._keys = {name: environment.pop(name) for name in list(environment) if name.startswith("NCLOUD_") and "KEY" in name}
        self._user = environment.pop("ANSIBLE_REMOTE_USER")
        (home / ".ssh").mkdir()
        shutil.copy(environment.pop("ANSIBLE_PRIVATE_KEY_FILE"), home / ".ssh" / "nsml")
        (home / ".nsml-vault-password").write_text("of this test\n")
        (home / ".nsml-api-key").write_text(self._keys["NCLOUD_NSML_API_KEY"] + "\n")
        self._home = home
        self._environment = environment
        self._printed = ""

    def do(self, block: Block) -> None:
        """Write the file that a block shows, run its commands, or compare what it shows with what they printed."""
        if block.caption:
            self._write(block.caption, block.text)
        elif block.language == "console":
            self._printed = "".join(map(self._run, block.commands))
        else:
            assert block.language == "text"
            compare(block.text, self._printed)

    def prepare(self, block: Block) -> None:
        """Do what a block of an earlier section leaves for later ones."""
        if block.caption:
            self._write(block.caption, block.text)
        for command in block.commands if block.language == "console" else []:
            if command.startswith("export "):
                self._run(command)

    def _write(self, name: str, text: str) -> None:
        text = text.replace("ansible_user: root", f"ansible_user: {self._user}")
        others, title, profile = text.partition("[research]\n")
        for key, variable in (("access_key_id", "NCLOUD_ACCESS_KEY_ID"), ("secret_access_key", "NCLOUD_SECRET_ACCESS_KEY")):
            profile = profile.replace(f"ncloud_{key} = {PLACEHOLDER}", f"ncloud_{key} = {self._keys[variable]}")
        path = Workplace(self._home).write(name.removeprefix("~/"), others + title + profile)
        if name.startswith("~/"):
            path.chmod(0o600)

    def _run(self, command: str) -> str:
        word, *names = command.split()
        if word == "export":
            name, value = names[0].split("=")
            self._environment[name] = self._keys[name] if value == PLACEHOLDER else value
        elif word == "unset":
            for name in names:
                del self._environment[name]
        else:
            done = Workplace(self._home, self._environment).run("bash", "-o", "pipefail", "-c", command)
            assert "WARNING" not in done.stderr, done.stderr
            return done.stderr + done.stdout
        return ""


def compare(shown: str, printed: str) -> None:
    """Find the lines of a block among those printed, in their order; three dots stand for any lines, or for any end of a line."""
    lines = [line.strip() for line in printed.splitlines()]
    for line in shown.splitlines():
        if line.strip() == PLACEHOLDER:
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in line.strip().split(PLACEHOLDER)) + ",?")
        place = next((number for number, seen in enumerate(lines) if pattern.fullmatch(seen)), None)
        assert place is not None, f"{line!r} is not (or not here) in what is printed:\n{printed}"
        lines = lines[place + 1 :]


@pytest.mark.parametrize("section", SECTIONS)
def test_the_section_works_as_written(tmp_path: Path, section: str) -> None:
    with Simulator(demonstration(), ssh=True) as simulator:
        if any("wait_timeout" in block.text for block in BLOCKS if block.section == section):
            simulator.before_answer = lambda number: let_all_run(simulator, number)
        reader = Reader(tmp_path, simulator)
        for block in BLOCKS[: [block.section for block in BLOCKS].index(section)]:
            reader.prepare(block)
        for block in BLOCKS:
            if block.section == section:
                reader.do(block)


def let_all_run(simulator: Simulator, number: int) -> None:
    """Have the node that still starts run from the second reading on."""
    if [record.path.partition("?")[0].endswith("/nodes") for record in simulator.requests].count(True) > 1:
        for node in simulator.projects[0].runs[1].nodes:
            node.state = NODE_RUNNING
