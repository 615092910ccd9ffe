# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs as users name them in the file."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import Selection, parse_projects, parse_runs


@pytest.mark.parametrize(
    ("value", "runs"),
    [
        ("2", ("2",)),
        (2, ("2",)),
        ([2, "3"], ("2", "3")),
        ("latest", ("latest",)),
        (["latest", 2], ("latest", "2")),
        ("2, 3,latest", ("2", "3", "latest")),
        (["2", 2, "2"], ("2",)),
        (("active",), ("active",)),
    ],
)
def test_run_is_one_or_a_list_of_names_numbers_and_keywords(value: object, runs: tuple[str, ...]) -> None:
    assert parse_runs(value) == runs


NO_RUNS: dict[str, tuple[Any, ...]] = {
    "'run' is empty.": (None, "", " ", [], [""], [None]),
    "'run' has an empty item.": (["2", " "], "2,,3", ["2", None]),
    "Invalid value for 'run': ": ({}, True, [["2"]], 1.5, [{"a": 1}]),
}


@pytest.mark.parametrize(("value", "problem"), [(value, problem) for problem, values in NO_RUNS.items() for value in values])
def test_a_run_that_names_nothing_is_an_error_with_what_it_may_be(value: object, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{problem}.*'latest', 'active', 'all', or a list of these"):
        parse_runs(value)


@pytest.mark.parametrize(
    ("value", "projects"),
    [
        (None, ()),
        ("bert", ("bert",)),
        (["bert", "demo-notebook"], ("bert", "demo-notebook")),
        ("bert, demo-notebook", ("bert", "demo-notebook")),
        (["bert,gpt", "bert"], ("bert", "gpt")),
        (7, ("7",)),
    ],
)
def test_project_is_one_or_a_list_of_names_and_ids(value: object, projects: tuple[str, ...]) -> None:
    assert parse_projects(value) == projects


@pytest.mark.parametrize(
    "value", ["", " ", [], [""], ["bert", ""], ["bert", None], "bert,,gpt", "bert,", {}, True, [["bert"]], 1.5]
)
def test_a_project_that_names_nothing_is_an_error_and_not_every_project(value: object) -> None:
    with pytest.raises(ConfigurationError, match=r"'project'.* Without 'project', the plugin reads every project"):
        parse_projects(value)


@pytest.mark.parametrize(
    ("projects", "needs_projects"),
    [
        ((), False),
        (("bert",), True),
        (("a1" * 7,), True),
        (("a1" * 8,), False),
        (("A1" * 8,), True),
        (("languagemodelexperiments",), True),
        (("a1" * 8, "b1" * 8), False),
        (("a1" * 8, "bert"), True),
    ],
)
def test_only_what_resembles_an_id_is_taken_for_one(projects: tuple[str, ...], needs_projects: bool) -> None:
    assert Selection(projects, ("2",)).needs_projects is needs_projects


@pytest.mark.parametrize(
    ("projects", "runs", "names", "needs_runs"),
    [
        (("bert",), ("2", "3"), ("2", "3"), False),
        (("bert",), ("2", "latest"), ("2",), True),
        (("bert",), ("active",), (), True),
        (("bert",), ("all",), (), True),
        ((), ("2",), ("2",), True),
        (("bert", "gpt"), ("2",), ("2",), True),
    ],
)
def test_a_keyword_or_other_than_one_project_needs_the_list_of_runs(
    projects: tuple[str, ...], runs: tuple[str, ...], names: tuple[str, ...], needs_runs: bool
) -> None:
    selection = Selection(projects, runs)
    assert (selection.names, selection.needs_runs) == (names, needs_runs)


@pytest.mark.parametrize(
    ("runs", "follows"),
    [
        (("latest",), True),
        (("latest", "3"), True),
        (("latest", "2"), False),
        (("latest", "active"), False),
        (("latest", "all"), False),
        (("3",), False),
        (("active",), False),
    ],
)
def test_a_run_follows_latest_where_nothing_else_chose_it(runs: tuple[str, ...], follows: bool) -> None:
    assert Selection(("bert",), runs).follows_latest("2") is follows
