# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding the chosen projects and runs: which lists are read for it, and what is found."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.endpoints import PROJECTS, RUNS, Endpoint
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import SelectionError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.reader import Discovery
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.selection import Selection
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import Row

BERT, GPT, EMPTY = "abc123ygz0iujnbert00", "abc123ygz0iujngpt000", "abc123ygz0iujnempty0"
RUNNING, COMPLETED = "RUN_STATE_IN_PROGRESS", "RUN_STATE_COMPLETED"


def project_row(project: str, name: object, status: object = "CREATED") -> Row:
    return {"projectId": project, "projectName": name, "status": status}


def run_row(project: str, name: object, run: object, status: object = COMPLETED) -> Row:
    return {"projectId": project, "projectName": name, "runName": run, "status": status}


PROJECT_ROWS = (project_row(GPT, "gpt"), project_row(BERT, "bert"), project_row(EMPTY, "empty"))
RUN_ROWS = (
    run_row(GPT, "gpt", "3", RUNNING),
    run_row(BERT, "bert", "10"),
    run_row(BERT, "bert", "9", RUNNING),
    run_row(BERT, "bert", "2", RUNNING),
    run_row(GPT, "gpt", "2"),
)


class Lists:
    """Reads the lists of projects and of runs, and notes which were asked for, and together with which."""

    def __init__(self, projects: Sequence[Row] = PROJECT_ROWS, runs: Sequence[Row] = RUN_ROWS) -> None:
        self._lists = {PROJECTS: list(projects), RUNS: list(runs)}
        self.asked: list[list[Endpoint]] = []

    def read(self, endpoints: Sequence[Endpoint]) -> list[list[Row]]:
        self.asked.append(list(endpoints))
        return [self._lists[endpoint] for endpoint in endpoints]


def found(runs: Sequence[Run]) -> list[tuple[str, str]]:
    return [(run.project_id, run.name) for run in runs]


def find(project: str | None, *runs: str, lists: Lists | None = None) -> list[tuple[str, str]]:
    return found(Discovery(Selection((project,) if project else (), runs)).find((lists or Lists()).read))


# The fewest requests, and what they find.

CASES: list[tuple[str | None, tuple[str, ...], list[list[Endpoint]], list[tuple[str, str]]]] = [
    (BERT, ("2",), [], [(BERT, "2")]),
    (BERT, ("10", "9", "2"), [], [(BERT, "2"), (BERT, "9"), (BERT, "10")]),
    ("bert", ("10", "2"), [[PROJECTS]], [(BERT, "2"), (BERT, "10")]),
    (BERT, ("latest",), [[RUNS]], [(BERT, "10")]),
    (BERT, ("active",), [[RUNS]], [(BERT, "2"), (BERT, "9")]),
    (BERT, ("all",), [[RUNS]], [(BERT, "2"), (BERT, "9"), (BERT, "10")]),
    (BERT, ("latest", "2"), [[RUNS]], [(BERT, "2"), (BERT, "10")]),
    (BERT, ("9", "active", "latest"), [[RUNS]], [(BERT, "2"), (BERT, "9"), (BERT, "10")]),
    ("bert", ("latest",), [[PROJECTS, RUNS]], [(BERT, "10")]),
    ("bert", ("active", "10"), [[PROJECTS, RUNS]], [(BERT, "2"), (BERT, "9"), (BERT, "10")]),
    (None, ("latest",), [[RUNS]], [(BERT, "10"), (GPT, "3")]),
    (None, ("active",), [[RUNS]], [(BERT, "2"), (BERT, "9"), (GPT, "3")]),
    (None, ("all",), [[RUNS]], [(BERT, "2"), (BERT, "9"), (BERT, "10"), (GPT, "2"), (GPT, "3")]),
    (None, ("2",), [[RUNS]], [(BERT, "2"), (GPT, "2")]),
    (None, ("latest", "2"), [[RUNS]], [(BERT, "2"), (BERT, "10"), (GPT, "2"), (GPT, "3")]),
    # Of the project nothing is in the list of runs: only then its existence is looked up.
    (EMPTY, ("active",), [[RUNS], [PROJECTS]], []),
    ("empty", ("all",), [[PROJECTS, RUNS]], []),
]


@pytest.mark.parametrize(("project", "runs", "asked", "meant"), CASES)
def test_each_choice_reads_only_the_lists_that_it_needs(
    project: str | None, runs: tuple[str, ...], asked: list[list[Endpoint]], meant: list[tuple[str, str]]
) -> None:
    lists = Lists()
    assert find(project, *runs, lists=lists) == meant
    assert lists.asked == asked


@pytest.mark.parametrize("order", list(itertools.permutations(RUN_ROWS))[::17])
def test_the_order_of_the_lists_does_not_change_what_is_found(order: Sequence[Row]) -> None:
    lists = Lists(PROJECT_ROWS[::-1], order)
    assert find(None, "latest", "active", lists=lists) == [(BERT, "2"), (BERT, "9"), (BERT, "10"), (GPT, "3")]


def test_a_run_knows_its_project_by_the_name_that_the_list_of_projects_gives() -> None:
    lists = Lists(runs=[{"projectId": BERT, "runName": 2}])
    for runs in ("all", "2"):
        (run,) = Discovery(Selection(("bert",), (runs,))).find(lists.read)
        assert run.project_title == "bert"


def test_latest_is_the_highest_number_and_not_the_last_text() -> None:
    rows = [run_row(BERT, "bert", name) for name in ("9", "10", "zz", "1e9", "-7")]
    assert find(BERT, "latest", lists=Lists(runs=rows)) == [(BERT, "10")]


def test_latest_is_rather_run_0_than_a_name_that_is_no_number() -> None:
    assert find(BERT, "latest", lists=Lists(runs=[run_row(BERT, "bert", name) for name in ("0", "zz")])) == [(BERT, "0")]


def test_latest_among_names_that_are_no_numbers_does_not_depend_on_the_order() -> None:
    rows = [run_row(BERT, "bert", name) for name in ("a", "c", "b")]
    results = {find(BERT, "latest", lists=Lists(runs=order))[0] for order in itertools.permutations(rows)}
    assert len(results) == 1


@pytest.mark.parametrize("status", [None, "", "run_state_in_progress", "RUN_STATE_PENDING", "FOO", 5, ["RUN_STATE_COMPLETED"]])
def test_a_run_is_active_unless_its_status_is_an_ended_one(status: Any) -> None:
    assert find(BERT, "active", lists=Lists(runs=[run_row(BERT, "bert", "2", status)])) == [(BERT, "2")]


@pytest.mark.parametrize("status", ["RUN_STATE_COMPLETED", "completed", "RUN-STATE-FAILED", "Stopped", "error"])
def test_a_run_that_has_ended_is_not_active(status: Any) -> None:
    assert find(BERT, "active", lists=Lists(runs=[run_row(BERT, "bert", "2", status)])) == []


def test_where_no_run_is_chosen_the_runs_of_the_project_are_described_with_their_states_the_newest_first() -> None:
    ended = [run_row(BERT, "bert", name, "FAILED") for name in ("2", "10")]
    for runs, text in (
        ([*ended, run_row(GPT, "gpt", "3", RUNNING)], "Available runs: 10 of bert (FAILED), 2 of bert (FAILED)."),
        ([run_row(GPT, "gpt", "3", RUNNING)], "Available runs: none."),
    ):
        discovery = Discovery(Selection(("bert",), ("active",)))
        for selected in (discovery.find, discovery.explain):
            assert selected(Lists(runs=runs).read) == []
            assert discovery.available == text
        assert discovery.find(Lists().read) != []
        assert discovery.available == ""


def test_an_id_wins_over_a_name() -> None:
    lists = Lists([project_row("bert", "other"), project_row("p2", "bert")])
    assert find("bert", "2", lists=lists) == [("bert", "2")]


def test_a_project_without_a_name_is_found_by_its_id() -> None:
    assert find("P-1", "2", lists=Lists([project_row("P-1", None)])) == [("P-1", "2")]


def test_a_name_that_resembles_an_id_is_found_with_a_keyword() -> None:
    name = "resnet50imagenet2024"
    lists = Lists([project_row("p1", name)], [run_row("p1", name, "4", RUNNING)])
    assert find(name, "active", lists=lists) == [("p1", "4")]
    assert lists.asked == [[RUNS], [PROJECTS]]


# Several projects.


def find_in(projects: tuple[str, ...], *runs: str, lists: Lists | None = None) -> tuple[list[tuple[str, str]], list[str]]:
    """Return what is found, and the warnings."""
    warnings: list[str] = []
    return found(Discovery(Selection(projects, runs), warnings.append).find((lists or Lists()).read)), warnings


@pytest.mark.parametrize(
    ("projects", "runs", "asked", "meant"),
    [
        (("bert", "gpt"), ("2",), [[PROJECTS, RUNS]], [(BERT, "2"), (GPT, "2")]),
        ((BERT, GPT), ("2",), [[RUNS]], [(BERT, "2"), (GPT, "2")]),
        (("gpt", BERT), ("latest",), [[PROJECTS, RUNS]], [(BERT, "10"), (GPT, "3")]),
        (("bert", BERT), ("latest",), [[PROJECTS, RUNS]], [(BERT, "10")]),
        ((BERT, EMPTY), ("active",), [[RUNS], [PROJECTS]], [(BERT, "2"), (BERT, "9")]),
    ],
)
def test_the_runs_of_several_projects_are_found(
    projects: tuple[str, ...], runs: tuple[str, ...], asked: list[list[Endpoint]], meant: list[tuple[str, str]]
) -> None:
    lists = Lists()
    assert find_in(projects, *runs, lists=lists) == (meant, [])
    assert lists.asked == asked


def test_projects_without_a_named_run_are_one_warning_and_an_error_only_where_none_has_it() -> None:
    assert find_in(("bert", "gpt", "empty"), "3", "latest") == (
        [(BERT, "10"), (GPT, "3")],
        ["Run '3' was not found in these projects: bert, empty."],
    )
    with pytest.raises(SelectionError, match=r"Run '77' was not found in projects bert, gpt\. Available runs: .* of bert"):
        find_in(("bert", "gpt"), "77")
    assert find_in((), "3") == ([(GPT, "3")], [])


def test_each_of_several_projects_must_exist() -> None:
    with pytest.raises(SelectionError, match="Project 'brt' was not found"):
        find_in(("gpt", "brt"), "all")


@pytest.mark.parametrize(
    ("of_service", "of_user"),
    [("\u00e9t\u00e9", "e\u0301te\u0301"), ("e\u0301te\u0301", "\u00e9t\u00e9"), ("\u1112\u1161\u11ab", "\ud55c")],
)
def test_a_project_is_found_by_its_name_whether_its_letters_are_composed_or_not(of_service: str, of_user: str) -> None:
    lists = Lists([project_row("p1", of_service), project_row("p2", "cafe")], [run_row("p1", of_service, "2", RUNNING)])
    for run in ("2", "latest"):
        assert find(of_user, run, lists=lists) == [("p1", "2")]


# One reading after the other.


@pytest.mark.parametrize(
    ("projects", "runs", "asked"),
    [
        ((BERT,), ("2",), []),
        (("bert",), ("2",), [[PROJECTS]]),
        (("bert",), ("latest",), [[PROJECTS, RUNS], [RUNS], [RUNS]]),
        ((BERT,), ("latest",), [[RUNS], [RUNS], [RUNS]]),
        ((EMPTY,), ("active",), [[RUNS], [PROJECTS], [RUNS], [RUNS]]),
        ((), ("2",), [[RUNS]]),
        ((), ("2", "latest"), [[RUNS], [RUNS], [RUNS]]),
        (("bert", "gpt"), ("2",), [[PROJECTS, RUNS]]),
    ],
)
def test_what_was_found_by_its_name_stays_found(
    projects: tuple[str, ...], runs: tuple[str, ...], asked: list[list[Endpoint]]
) -> None:
    lists, discovery = Lists(), Discovery(Selection(projects, runs))
    first, second, third = (found(discovery.find(lists.read)) for _reading in range(3))
    assert first == second == third
    assert [endpoints for endpoints in lists.asked if endpoints] == asked


def test_the_status_that_the_list_of_runs_gave_once_is_not_taken_for_that_of_later_readings() -> None:
    lists, discovery = Lists(), Discovery(Selection((), ("3",)))
    statuses = [discovery.find(lists.read)[0].status for _reading in range(2)]
    assert statuses == [RUNNING, None]


def test_an_explanation_replaces_what_was_found() -> None:
    lists, discovery = Lists(), Discovery(Selection(("bert",), ("2",)))
    assert found(discovery.find(lists.read)) == [(BERT, "2")]
    moved = Lists([project_row("p9", "bert")], [run_row("p9", "bert", "2")])
    assert found(discovery.explain(moved.read)) == [("p9", "2")]
    assert found(discovery.find(moved.read)) == [("p9", "2")]


# What does not exist.


def error_of(project: str | None, *runs: str, lists: Lists | None = None) -> str:
    with pytest.raises(SelectionError) as error:
        find(project, *runs, lists=lists)
    return str(error.value)


def test_two_projects_of_one_name_are_an_error_that_lists_both_ids() -> None:
    lists = Lists([project_row("p2", "bert"), project_row("p1", "bert"), project_row("p3", "gpt")])
    assert error_of("bert", "2", lists=lists) == (
        "Several projects have the name 'bert'. Use the ID of one of them in 'project': p1, p2."
    )


@pytest.mark.parametrize("status", ["DELETING", "DELETED", "deleted", "Deleting"])
def test_a_deleted_project_leaves_its_name_to_a_live_one(status: str) -> None:
    assert find("bert", "2", lists=Lists([project_row("p1", "bert", status), project_row("p2", "bert", ["odd"])])) == [
        ("p2", "2")
    ]
    assert find("bert", "2", lists=Lists([project_row("p1", "bert", status)])) == [("p1", "2")]


@pytest.mark.parametrize("runs", [("2",), ("latest",), ("all", "2")])
def test_an_unknown_project_is_an_error_that_lists_those_visible_the_nearest_first(runs: tuple[str, ...]) -> None:
    assert error_of("brt", *runs) == (
        f"Project 'brt' was not found. Did you mean 'bert'? Available projects: bert ({BERT}), gpt ({GPT}), empty ({EMPTY})."
    )


def test_an_unknown_id_with_a_keyword_lists_the_projects() -> None:
    assert f"bert ({BERT})" in error_of("abc123ygz0iujnbert01", "latest")


def test_the_order_of_the_list_of_projects_does_not_change_the_error() -> None:
    assert len({error_of("zz", "2", lists=Lists(order)) for order in itertools.permutations(PROJECT_ROWS)}) == 1


def test_a_project_without_a_name_is_listed_by_its_id() -> None:
    text = error_of("bert", "2", lists=Lists([project_row("p1", None)]))
    assert text.endswith("Available projects: (no name) (p1).")


def test_keys_that_see_no_project_are_an_error() -> None:
    assert error_of("bert", "2", lists=Lists([])).endswith("Available projects: none.")


@pytest.mark.parametrize("project", [BERT, "bert"])
def test_an_unknown_run_is_an_error_that_lists_the_runs_with_their_states_the_nearest_first(project: str) -> None:
    assert error_of(project, "latest", "11") == (
        f"Run '11' was not found in project {project}. Available runs: 10 ({COMPLETED}), 2 ({RUNNING}), 9 ({RUNNING})."
    )


def test_a_misspelt_keyword_is_recognised() -> None:
    assert "Run 'lastest' was not found in project bert. Did you mean 'latest'? Available runs: " in error_of(
        "bert", "lastest", "all"
    )
    assert "Did you mean 'latest'? " in error_of("bert", "LATEST", "all")
    assert error_of("bert", "allest", "all").count("Did you mean") == 1
    assert "Did you mean" not in error_of("bert", "77", "all")


def test_an_unknown_run_of_any_project_lists_the_runs_with_their_projects() -> None:
    text = error_of(None, "10", "4")
    assert text.startswith("Run '4' was not found. Available runs: ")
    assert f"3 of gpt ({RUNNING})" in text
    assert f"10 of bert ({COMPLETED})" in text


def test_many_runs_are_cut_to_the_nearest() -> None:
    lists = Lists(runs=[run_row(BERT, "bert", str(number), None) for number in range(1000, 1100)])
    text = error_of(BERT, "latest", "1099x", lists=lists)
    assert "Available runs: 1099 (no status)" in text
    assert text.endswith("and 90 more.")
    lists = Lists(runs=[run_row(BERT, "bert", str(number), None) for number in range(10)])
    assert "more" not in error_of(BERT, "latest", "77", lists=lists)


def test_explain_reads_both_lists_at_once_and_finds_what_an_id_like_name_means() -> None:
    name = "resnet50imagenet2024"
    lists = Lists([project_row("p1", name)], [run_row("p1", name, "4")])
    assert found(Discovery(Selection((name,), ("4",))).explain(lists.read)) == [("p1", "4")]
    assert lists.asked == [[PROJECTS, RUNS]]


# Names that would do harm.


def test_hostile_names_of_the_service_are_readable_and_short_in_errors() -> None:
    hostile = "\x1b[31mred\x07\n" + "x" * 10_000
    lists = Lists([project_row(hostile, hostile)], [run_row(hostile, hostile, hostile, hostile)])
    for text in (error_of("red", "2", lists=lists), error_of(None, "2", lists=lists), error_of(hostile, "all", "2", lists=lists)):
        assert text.isprintable()
        assert len(text) < 2500


def test_very_long_names_are_cut() -> None:
    lists = Lists([project_row(f"p{number}", f"{'x' * 5000}{number}") for number in range(50)])
    assert len(error_of("x" * 10_000, "2", lists=lists)) < 5000
