# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CONTRIBUTING names the modules, files and commands that are there, and the tools agree on what they run."""

from __future__ import annotations

import ast
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


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:plugins|extensions|tests|docs|changelogs)/[\w/.]*)`", TEXT))))
def test_each_file_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_table_of_modules_has_each_module_once() -> None:
    utils = ROOT / "plugins" / "plugin_utils"
    modules = [
        path for folder in ("plugins", "extensions") for path in (ROOT / folder).rglob("*.py") if path.name != "__init__.py"
    ]
    names = [str(path.relative_to(utils if utils in path.parents else ROOT)) for path in modules]
    assert sorted(re.findall(r"^\| `(\S+)` \| .+ \|$", TEXT, re.MULTILINE)) == sorted(names)


def test_each_module_has_a_test_file_but_those_that_are_named() -> None:
    section = TEXT.partition("`tests/unit` mirrors")[2].partition("\n\n")[0]
    utils = ROOT / "plugins" / "plugin_utils"
    modules = [path.relative_to(utils) for path in utils.rglob("*.py") if path.name != "__init__.py"]
    missing = {
        str(path)
        for path in modules
        if not (ROOT / "tests" / "unit" / path.with_name(f"test_{path.name.removeprefix('_')}")).exists()
    }
    named = set(re.findall(r"`(_\w+/\w+\.py)`", section)) - {"_api/body.py", "_api/transport.py"}
    assert missing == named


@pytest.mark.parametrize("path", sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")))
def test_each_test_file_has_a_head_of_one_line(path: str) -> None:
    head = ast.get_docstring(ast.parse((ROOT / path).read_text())) or ""
    assert re.match(r"\S.*\.(\n\n|$)", head)


def test_the_steps_are_those_of_parse_in_their_order() -> None:
    section = TEXT.partition("### From parse() to hosts")[2].partition("\n#")[0]
    steps = re.findall(r"^\d+\. `(\w+)`", section, re.MULTILINE)
    tree = ast.parse((ROOT / "plugins" / "inventory" / "nodes.py").read_text())
    (parse,) = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "parse")
    calls = sorted(
        (call for call in ast.walk(parse) if isinstance(call, ast.Call)), key=lambda call: (call.lineno, call.col_offset)
    )
    called = [ast.unparse(call.func).rpartition(".")[2] for call in calls]
    assert steps
    assert [name for name in called if name in steps] == steps


def test_the_steps_of_the_picture_are_among_those_of_the_list() -> None:
    section = TEXT.partition("### From parse() to hosts")[2].partition("\n#")[0]
    steps = re.findall(r"^\d+\. `(\w+)`", section, re.MULTILINE)
    pictured = re.findall(r'-- "(\w+)" -->', section)
    assert pictured == [step for step in steps if step in pictured] != []


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
