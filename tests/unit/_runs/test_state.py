# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""States of runs and nodes, however a service writes them."""

from __future__ import annotations

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.state import Phase, phase, state_name

ENDED = """
    complete completed success succeeded done finished fail failed failure error stopped stopping canceled cancelled canceling
    cancelling killed terminated terminating deleted deleting abort aborted expired exited evicted lost
"""
BEGINNING = "pending creating created queued scheduling scheduled waiting starting initializing provisioning pulling preparing"
STATES = {
    Phase.ENDED: ENDED.split(),
    Phase.BEGINNING: BEGINNING.split(),
    Phase.UNDER_WAY: ["running", "in progress", "active", "ready", "up"],
    Phase.UNKNOWN: ["", " ", "foo", "unknown", "upgrading", "not ready", "running?", "실행", "NODE_STATE_", "state running"],
}


@pytest.mark.parametrize(("expected", "state"), [(expected, state) for expected, states in STATES.items() for state in states])
def test_state_is_read_by_its_whole_word_in_any_spelling(expected: Phase, state: str) -> None:
    for prefix in ("", "NODE_STATE_", "RUN_STATE_", "Node-State-", "run state "):
        for word in (state, state.upper(), state.title(), state.replace(" ", "_"), state.replace(" ", "-"), f" {state} "):
            assert phase(prefix + word) is expected


def test_missing_state_is_unknown() -> None:
    assert phase(None) is Phase.UNKNOWN


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("NODE_STATE_RUNNING", "running"),
        ("node_state_running", "running"),
        (" Running ", "running"),
        ("PENDING", "pending"),
        ("Node State Running", "running"),
        ("NODE-STATE-RUNNING", "running"),
        ("RUN_STATE_IN_PROGRESS", "in_progress"),
        ("in-progress", "in_progress"),
        ("In  Progress", "in_progress"),
        ("NODE_STATEFUL", "node_stateful"),
        ("NODE_STATE_", None),
        (" ", None),
        ("", None),
        (None, None),
    ],
)
def test_a_state_is_written_as_users_write_it(sent: str | None, expected: str | None) -> None:
    assert state_name(sent) == expected
