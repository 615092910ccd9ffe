# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/examples without an account: each README says how to try it against the simulator started by hand."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.tests.integration.commands import Workplace
from ansible_collections.navercloud.nsml.tests.integration.examples import EXAMPLES, by_hand, commands, how_to_try, recap

# event_driven has a test of its own, beside the others of ansible-rulebook.
NAMES = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "event_driven")


@pytest.mark.parametrize("name", NAMES)
def test_example_runs_against_the_simulator_as_in_its_readme(tmp_path: Path, name: str) -> None:
    example, home = tmp_path / "example", tmp_path / "home"
    shutil.copytree(EXAMPLES / name, example)
    home.mkdir()
    simulator, *steps = how_to_try(name)
    options = " ".join(step for step in steps if step.startswith("-"))
    others = [step for step in steps if not step.startswith("-")]
    with by_hand(simulator) as (settings, variables):
        for command in commands(name):
            typed = f"{shlex.join(command)} {options.replace('@...', f'@{variables}')}"
            script = "\n".join([settings, *others, typed])
            printed = Workplace(example, {"HOME": str(home)}).run("sh", "-c", script).stdout
            assert all(counts["failed"] == counts["unreachable"] == 0 for counts in recap(printed).values())
            assert "bert-2-" in printed  # whichever ranks a limit leaves
