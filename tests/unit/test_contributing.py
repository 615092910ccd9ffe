# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands and files that CONTRIBUTING names are there, and the tools agree on what they run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z-]+)(?=[ `\n].*)", TEXT))))
def test_each_make_target_exists(target: str) -> None:
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, check=True, text=True)
    assert "Nothing to be done" not in done.stdout  # what make says of a directory of that name


@pytest.mark.parametrize("session", sorted(set(re.findall(r'nox -s "?([a-z_]+)', TEXT))))
def test_each_session_exists(session: str) -> None:
    assert re.search(rf"^def {session}\(session: nox.Session", (ROOT / "noxfile.py").read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:plugins|tests|docs|changelogs)/[\w/.]*)`", TEXT))))
def test_each_file_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_simulator_takes_the_option_that_is_named() -> None:
    (options,) = re.findall(r"-m tests\.simulator (.*)", TEXT)
    shown = subprocess.check_output([sys.executable, "-m", "tests.simulator", "--help"], cwd=ROOT, text=True)
    assert options in shown


def test_make_help_lists_each_target() -> None:
    (targets,) = re.findall(r"^TARGETS = (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    shown = subprocess.check_output(["make", "help"], cwd=ROOT, text=True)
    assert set(re.findall(r"^make (\S+) +\w.*$", shown, re.MULTILINE)) == set(targets.split())


@pytest.mark.parametrize("target", ["tests", "docss"])  # a directory, and a misspelled target
def test_make_with_an_unknown_target_is_an_error(target: str) -> None:
    done = subprocess.run(["make", target], cwd=ROOT, capture_output=True, check=False, text=True)
    assert done.returncode == 2
    assert f"There is no target '{target}'" in done.stderr


def test_pre_commit_has_the_versions_of_make_lint() -> None:
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert local["repo"] == "local"
    wanted = {requirement for hook in local["hooks"] for requirement in hook["additional_dependencies"]}
    assert wanted <= set((ROOT / "tests" / "requirements-lint.txt").read_text().split())
