# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""States of runs and nodes, however a service writes them."""

from __future__ import annotations

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._runs.state import Phase, phase

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
