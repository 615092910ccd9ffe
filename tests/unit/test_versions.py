# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of versions is what noxfile.py runs."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def cores() -> dict[str, tuple[str, ...]]:
    """Return the noxfile's table of ansible-core versions and their Pythons."""
    statements = ast.parse((ROOT / "noxfile.py").read_text()).body
    tables = [
        ast.literal_eval(statement.value)
        for statement in statements
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "CORES"
    ]
    (table,) = tables
    assert isinstance(table, dict)
    return table


def test_readme_names_the_cores_and_pythons_that_are_tested(cores: dict[str, tuple[str, ...]]) -> None:
    rows = re.findall(r"^\| (2\.\d+) \| (3\.\d+) to (3\.\d+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert {core: (oldest, newest) for core, oldest, newest in rows} == {
        core: (pythons[0], pythons[-1]) for core, pythons in cores.items()
    }


def test_the_collection_asks_for_the_oldest_core_that_is_tested(cores: dict[str, tuple[str, ...]]) -> None:
    asked: dict[str, Any] = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    assert asked["requires_ansible"] == f">={next(iter(cores))}.0"


def test_the_execution_environment_has_the_newest_core(cores: dict[str, tuple[str, ...]]) -> None:
    definition: dict[str, Any] = yaml.safe_load((ROOT / "execution-environment.yml").read_text())
    assert definition["dependencies"]["ansible_core"] == {"package_pip": f"ansible-core~={list(cores)[-1]}.0"}


@pytest.mark.parametrize("name", ["README.md", "Makefile"])
def test_the_oldest_python_is_asked_for(cores: dict[str, tuple[str, ...]], name: str) -> None:
    assert f"Python {oldest_python(cores)} or newer" in (ROOT / name).read_text()


def oldest_python(cores: dict[str, tuple[str, ...]]) -> str:
    return min((python for pythons in cores.values() for python in pythons), key=lambda python: int(python.split(".")[1]))


def test_the_tools_check_for_what_the_oldest_python_lacks(cores: dict[str, tuple[str, ...]]) -> None:
    oldest = oldest_python(cores)
    settings = (ROOT / "pyproject.toml").read_text()
    assert f'target-version = "py{oldest.replace(".", "")}"' in settings
    assert f'python_version = "{oldest}"' in settings


def test_readme_names_the_oldest_requests_that_is_tested() -> None:
    name, oldest = (ROOT / "requirements.txt").read_text().strip().split(">=")
    assert f"{name} {oldest} or newer" in (ROOT / "README.md").read_text()
