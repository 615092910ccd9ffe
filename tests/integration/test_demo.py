# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demonstration: it shows all it promises, in the README's words, and leaves nothing behind, nor when it is interrupted.

docs/demo.svg is a picture of it. To draw it anew: UPDATE_DOCS=1 make test TESTS=tests/integration/test_demo.py
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ansible_collections.navercloud.nsml.tests import processes
from ansible_collections.navercloud.nsml.tests.integration.demonstrations import (
    as_make_starts,
    interruptible,
    left_after_a_moment,
    press_until_it_ends,
    temporary,
    wait_for_process,
)
from ansible_collections.navercloud.nsml.tests.integration.pages import README, REPOSITORY, readme_blocks
from ansible_collections.navercloud.nsml.tests.integration.terminal import WIDTH, draw, excerpt

PICTURE = REPOSITORY / "docs" / "demo.svg"

COMMAND = as_make_starts("tests.demo")


@pytest.fixture(scope="module")
def shown() -> str:
    """What it printed, as a terminal shows it: errors among the rest. Each test looks at another side of it."""
    with temporary() as (scratch, environment):
        both = ["sh", "-c", 'exec "$@" 2>&1', "sh", *COMMAND]
        done = processes.run(both, {**environment, "HOME": str(scratch)}, timeout=300, cwd=REPOSITORY)
        assert left_after_a_moment(scratch) == []
        left = list(scratch.iterdir())
    assert done.returncode == 0, done.stdout
    assert left == []
    return done.stdout


@pytest.mark.parametrize("command", ["ansible-galaxy", "ssh"])
def test_ctrl_c_while_a_command_runs_leaves_nothing(command: str) -> None:
    with interruptible(COMMAND) as (process, scratch):
        wait_for_process(process, command, scratch)
        press_until_it_ends(process)


def test_ctrl_c_while_it_starts_leaves_nothing() -> None:
    with interruptible(COMMAND) as (process, _scratch):
        press_until_it_ends(process)


def test_it_shows_all_it_promises(shown: str) -> None:
    for part in ("--graph", "|--@nsml_state_pending:", "--host bert-2-0", '"nsml_world_size": 4', "ansible.builtin.ping"):
        assert part in shown
    assert shown.count('"ping": "pong"') == 4
    assert "waiting for rank 3 (NODE_STATE_PENDING)" in shown
    assert shown.count("| CHANGED | rc=0 >>") == 8
    for rank in range(4):
        assert f"\nrank {rank} of 4\n" in shown


def test_it_begins_with_what_it_shows_and_its_settings_in_one_line(shown: str) -> None:
    beginning = shown.partition("\n$ ")[0].strip().splitlines()
    assert "a training run of four" in beginning[0]
    assert "Set-up takes some seconds." in beginning[-2]
    assert "NCLOUD_NSML_API_URL, " in beginning[-1]
    assert all(line.startswith("# ") for line in beginning)
    assert "\n$ export" not in shown


def test_it_ends_with_what_was_seen_what_is_left_and_where_to_go_on(shown: str) -> None:
    end = shown.rpartition("\n\n")[2].splitlines()
    assert all(line.startswith("# ") for line in end)
    words = " ".join(line.removeprefix("# ") for line in end)
    assert words.startswith("You saw")
    assert "Nothing is left running" in words
    for heading in re.findall(r"'([^']+)'", words):
        assert f"\n## {heading}\n" in README


def test_make_announces_that_setting_up_takes_time(tmp_path: Path) -> None:
    make = ["make", "--dry-run", "demo", f"VENV={tmp_path}/none"]
    planned = subprocess.run(make, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    announced, installed = planned.index("takes some seconds"), planned.index("-m venv")
    assert announced < installed


def test_it_prints_what_readme_shows(shown: str) -> None:
    printed = set(shown.splitlines())
    (block,) = readme_blocks("text")
    for line in block.splitlines():
        assert line.strip() == "..." or line in printed


def test_the_picture_is_of_what_it_prints(shown: str) -> None:
    drawn = draw(excerpt(shown))
    if os.environ.get("UPDATE_DOCS"):
        PICTURE.write_text(drawn)
    assert PICTURE.read_text() == drawn, "docs/demo.svg is out of date, see the head of this file"


def test_each_line_of_the_picture_is_printed_and_fits_the_terminal(shown: str) -> None:
    svg = ElementTree.fromstring(PICTURE.read_text())
    lines = ["".join(text.itertext()) for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert {"  |  |  |--bert-2-3", "bert-2-3 | CHANGED | rc=0 >>"} <= {*lines}
    for line in lines:
        assert len(line) <= WIDTH
        assert line in ("...", "make demo") or any(line.strip() in printed for printed in shown.splitlines())


def test_readme_shows_the_picture_with_words_for_who_cannot_see_it() -> None:
    (words, target) = re.findall(r"!\[(.*?)\]\((.*?)\)", README.partition("\n## ")[0], re.DOTALL)[0]
    assert REPOSITORY / target == PICTURE
    assert len(words.split()) > 8
