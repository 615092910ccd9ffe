# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a failed request is worth another try, and after which pause."""

from __future__ import annotations

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils import _errors
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.retry import counted, is_worth_retrying, outcome, pause_before


def failed(kind: type[_errors.RequestError]) -> _errors.RequestError:
    return kind("x", "GET /x", "it broke.", "Mend it.")


def answered(status: int, kind: type[_errors.StatusError] | None = None, wait: float | None = None) -> _errors.StatusError:
    return (kind or _errors.StatusError)("x", "GET /x", "no.", "", status=status, retry_after=wait)


@pytest.mark.parametrize(
    ("error", "retried"),
    [
        *[(answered(status), True) for status in (429, 500, 502, 503, 504)],
        *[(answered(status), False) for status in (204, 400, 401, 403, 404, 406, 408, 409, 413, 418, 501, 505)],
        (answered(429, _errors.QuotaError), False),
        (failed(_errors.ConnectionFailed), True),
        (failed(_errors.TimeExceeded), True),
        (failed(_errors.CertificateError), False),
        (failed(_errors.ResponseError), False),
        (failed(_errors.IncompleteError), False),
    ],
)
def test_only_faults_that_may_pass_are_retried(error: _errors.RequestError, retried: bool) -> None:
    assert is_worth_retrying(error) is retried


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (answered(503), "503"),
        (_errors.StatusError("x", "GET /x", "no.", "", status=429, code="410"), "429, code 410"),
        (failed(_errors.TimeExceeded), "timed out"),
        (failed(_errors.CertificateError), "certificate not trusted"),
        (failed(_errors.HostNotFound), "host name not found"),
        (failed(_errors.ConnectionFailed), "connection failed"),
        (failed(_errors.IncompleteError), "unusable response"),
    ],
)
def test_an_outcome_is_the_status_or_the_kind_of_failure(error: _errors.RequestError, words: str) -> None:
    assert outcome(error) == words


def test_outcomes_are_counted_in_the_order_in_which_they_came() -> None:
    assert counted(["503", "timed out", "503"]) == "503 (2 times), timed out"


def test_pauses_double_up_to_a_cap() -> None:
    error = failed(_errors.ConnectionFailed)
    assert [pause_before(error, attempt, 1.0) for attempt in range(7)] == [0.5, 1, 2, 4, 8, 15, 15]
    assert pause_before(error, 10**9, 1.0) == 15


@pytest.mark.parametrize(("jitter", "part"), [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)])
def test_jitter_shortens_a_pause_by_up_to_half(jitter: float, part: float) -> None:
    assert pause_before(answered(503), 2, jitter) == 2 * part


@pytest.mark.parametrize("wait", [0.0, 3.0, 3600.0])
def test_a_retry_after_stands_for_the_pause(wait: float) -> None:
    assert pause_before(answered(503, wait=wait), 4, 0.3) == wait
