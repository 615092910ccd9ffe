# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run: what it is called, and its place among the others."""

from __future__ import annotations

import math

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.run import Run
from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.state import Phase


def test_a_run_is_called_by_its_projects_name() -> None:
    assert Run("id0", "2", "bert").project_title == "bert"


@pytest.mark.parametrize("name", [None, ""])
def test_a_project_without_a_name_is_called_by_its_id(name: str | None) -> None:
    assert Run("id0", "2", name).project_title == "id0"


def test_run_2_comes_before_run_10() -> None:
    assert sorted(["10", "2", "1"], key=lambda name: Run("id0", name).number) == ["1", "2", "10"]


@pytest.mark.parametrize("name", ["x", "", "-1", "2.5", " 2", "٢", "9" * 19])
def test_a_run_whose_name_is_no_number_comes_last(name: str) -> None:
    assert Run("id0", name).number == math.inf


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        ("RUN_STATE_COMPLETED", Phase.ENDED),
        ("RUN_STATE_IN_PROGRESS", Phase.UNDER_WAY),
        ("odd", Phase.UNKNOWN),
        (None, Phase.UNKNOWN),
    ],
)
def test_the_phase_of_a_run_is_that_of_its_status(status: str | None, phase: Phase) -> None:
    assert Run("id0", "2", status=status).phase is phase
