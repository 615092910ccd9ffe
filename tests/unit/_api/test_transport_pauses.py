# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pauses before another try of a request, and how the tries before are counted."""

from __future__ import annotations

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.transport import counted, pause_before
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConnectionFailed, StatusError


def test_outcomes_are_counted_in_the_order_in_which_they_came() -> None:
    assert counted(["503", "timed out", "503"]) == "503 (2 times), timed out"


def test_pauses_double_up_to_a_cap() -> None:
    error = ConnectionFailed("x", "GET /x", "it broke.", "Fix it.")
    assert [pause_before(error, attempt, 1.0) for attempt in range(7)] == [0.5, 1, 2, 4, 8, 15, 15]
    assert pause_before(error, 10**9, 1.0) == 15


@pytest.mark.parametrize(("jitter", "part"), [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)])
def test_jitter_shortens_a_pause_by_up_to_half(jitter: float, part: float) -> None:
    assert pause_before(StatusError("x", "GET /x", "no.", "", status=503), 2, jitter) == 2 * part


@pytest.mark.parametrize("wait", [0.0, 3.0, 3600.0])
def test_a_retry_after_stands_for_the_pause(wait: float) -> None:
    assert pause_before(StatusError("x", "GET /x", "no.", "", status=503, retry_after=wait), 4, 0.3) == wait
