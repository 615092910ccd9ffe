# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The error class of a status, the advice for the user, and the dates in headers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils import _errors
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.failures import classify, clock_skew, retry_after

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("status", "code", "kind", "advice"),
    [
        (400, "100", _errors.StatusError, "Check the options"),
        (401, "200", _errors.AuthenticationError, "Check 'access_key', 'secret_key' and 'api_key'"),
        (401, "", _errors.AuthenticationError, "clock of this machine"),
        (401, "210", _errors.PermissionDenied, "subscription to the NSML API"),
        (403, "230", _errors.PermissionDenied, "Ask the owner of the account"),
        (404, "300", _errors.NotFoundError, "Check 'project' and 'run'"),
        (406, "", _errors.StatusError, "Check the options"),
        (413, "430", _errors.StatusError, "Check the options"),
        (429, "400", _errors.QuotaError, "Increase the quota in the API Gateway console"),
        (429, "410", _errors.RateLimitError, "Decrease 'concurrency'"),
        (429, "420", _errors.RateLimitError, "Decrease 'concurrency'"),
        (429, "", _errors.RateLimitError, "Decrease 'concurrency'"),
        (500, "900", _errors.ServerError, "Try again later"),
        (503, "500", _errors.ServerError, "Try again later"),
        (504, "510", _errors.ServerError, "Try again later"),
        (502, "", _errors.ServerError, "Try again later"),
        # A gateway's code that looks like an HTTP status is not one.
        (400, "400", _errors.StatusError, "Check the options"),
        (400, "500", _errors.StatusError, "Check the options"),
        (500, "400", _errors.ServerError, "Try again later"),
        (204, "", _errors.StatusError, "report this message"),
    ],
)
def test_each_status_and_code_has_its_class_and_advice(
    status: int, code: str, kind: type[_errors.StatusError], advice: str
) -> None:
    found, words = classify(status, code, None)
    assert found is kind
    assert advice in words


@pytest.mark.parametrize(
    ("status", "skew", "words"),
    [
        (401, 300.0, "5 minutes ahead of"),
        (401, -300.0, "5 minutes behind"),
        (401, 32400.0, "540 minutes ahead of"),
        (401, 299.0, None),
        (401, -299.0, None),
        (401, None, None),
        (403, 9999.0, None),
    ],
)
def test_a_401_from_five_minutes_on_names_the_clock_and_by_how_much(status: int, skew: float | None, words: str | None) -> None:
    advice = classify(status, "", skew)[1]
    assert ("Set the clock" in advice) == bool(words)
    assert (words or "") in advice


ODD_DATES = [
    "",
    "soon",
    "Mon, 01 Jan 2024",
    "Dec +9999999999999 12:61:99 -0000 +0000 Jan",
    "-5",
    "1e3",
    "nan",
    "\x00",
    "1 2 3 4 5 6 7 8",
]


@pytest.mark.parametrize("text", ODD_DATES)
def test_an_invalid_date_is_ignored(text: str) -> None:
    assert clock_skew(text, NOW) is None
    assert retry_after(text, NOW) is None


@pytest.fixture
def _far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "KST-9")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_far_from_greenwich")
@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000", "UTC"])
def test_the_skew_comes_from_the_date_header(zone: str) -> None:
    date = formatdate(NOW - 600).replace("-0000", zone)
    assert clock_skew(date, NOW) == 600
    assert clock_skew(date, NOW - 900) == -300


def test_a_date_header_of_another_zone_means_the_same_moment() -> None:
    date = "Wed, 15 Nov 2023 07:03:20 +0900"
    assert clock_skew(date, NOW) == 600
    assert retry_after(date, NOW - 690) == 90


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0", 0),
        ("2.5", 2.5),
        ("9" * 400, float("inf")),
        (formatdate(NOW + 90, usegmt=True), 90),
        (formatdate(NOW - 90, usegmt=True), 0),
    ],
)
def test_retry_after_is_read_as_seconds_and_as_a_date(value: str, seconds: float) -> None:
    assert retry_after(value, NOW) == seconds
