# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a fault means to the user, and whether it is worth another try."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils import _errors
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api import retry as _faults
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.retry import Fault

NOW = 1_700_000_000.0


def failed(kind: type[_errors.RequestError]) -> _errors.RequestError:
    return kind("x", "GET /x", "it broke.", "Mend it.")


def answered(status: int, kind: type[_errors.StatusError] | None = None, wait: float | None = None) -> _errors.StatusError:
    return (kind or _faults.classify(status, "", None)[0])("x", "GET /x", "no.", "", status=status, retry_after=wait)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('{"error": {"errorCode": "210", "message": "No", "details": "Why"}}', Fault("210", "No", "Why")),
        ('{"error": {"errorCode": 210, "message": "No", "details": "Why"}}', Fault("210", "No", "Why")),
        ('{"error": {"errorCode": 210, "message": "No"}}', Fault("210", "No")),
        ('{"error": {"errorCode": null, "message": "No", "details": null}}', Fault("", "No")),
        ('{"error": {"errorCode": "300", "message": "<b>Not</b> &lt;here&gt;<br/>"}}', Fault("300", "Not <here>")),
        ('{"error": {"errorCode": ["a"], "message": {"b": 1}, "details": 0}}', Fault("['a']", "{'b': 1}", "0")),
        ('{"error": {}}', Fault()),
        ('{"error": "words"}', Fault(message='{"error": "words"}')),
        ('{"message": "words"}', Fault(message='{"message": "words"}')),
        ('{"message": "\\uc5c6\\uc74c"}', Fault(message='{"message": "없음"}')),
        ("[1]", Fault(message="[1]")),
        ("null", Fault(message="null")),
        ("<html><h1>Bad\n Gateway</h1></html>", Fault(message="Bad Gateway")),
        ("", Fault()),
    ],
)
def test_an_error_body_is_read_in_whatever_shape(body: str, fault: Fault) -> None:
    assert _faults.read_fault(body) == fault


@pytest.mark.parametrize("depth", [900, 5_000, 100_000])
@pytest.mark.parametrize("body", ["{}", '{{"error": {{"message": {}}}}}', '{{"error": {}}}'])
def test_an_error_body_nested_without_sense_is_cut_short(body: str, depth: int) -> None:
    assert len(_faults.read_fault(body.format("[" * depth + "]" * depth)).message) <= 303


def test_a_fault_is_worded_as_far_as_it_is_known() -> None:
    assert str(Fault("210", "No", "Why")) == ', code 210: "No" (Why)'
    assert str(Fault(message="No")) == ': "No"'
    assert str(Fault()) == ""


@pytest.mark.parametrize(
    ("status", "code", "kind", "advice"),
    [
        (400, "100", _errors.StatusError, "Check the options"),
        (401, "200", _errors.AuthenticationError, "Check access_key, secret_key and api_key"),
        (401, "", _errors.AuthenticationError, "clock is right"),
        (401, "210", _errors.PermissionDenied, "subscription to the NSML API"),
        (403, "230", _errors.PermissionDenied, "Ask the account's owner"),
        (404, "300", _errors.NotFoundError, "Check project and run"),
        (406, "", _errors.StatusError, "Check the options"),
        (413, "430", _errors.StatusError, "Check the options"),
        (429, "400", _errors.QuotaError, "raise it in the gateway's console"),
        (429, "410", _errors.RateLimitError, "Lower concurrency"),
        (429, "420", _errors.RateLimitError, "Lower concurrency"),
        (429, "", _errors.RateLimitError, "Lower concurrency"),
        (500, "900", _errors.ServerError, "try again later"),
        (503, "500", _errors.ServerError, "try again later"),
        (504, "510", _errors.ServerError, "try again later"),
        (502, "", _errors.ServerError, "try again later"),
        # A gateway's code that looks like an HTTP status is not one.
        (400, "400", _errors.StatusError, "Check the options"),
        (400, "500", _errors.StatusError, "Check the options"),
        (500, "400", _errors.ServerError, "try again later"),
        (204, "", _errors.StatusError, "please report this text"),
    ],
)
def test_each_status_and_code_has_its_class_and_advice(
    status: int, code: str, kind: type[_errors.StatusError], advice: str
) -> None:
    found, words = _faults.classify(status, code, None)
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
    advice = _faults.classify(status, "", skew)[1]
    assert ("set the clock" in advice) == bool(words)
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
def test_a_date_that_is_none_says_nothing(text: str) -> None:
    assert _faults.clock_skew(text, NOW) is None
    assert _faults.retry_after(text, NOW) is None


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
    assert _faults.clock_skew(date, NOW) == 600
    assert _faults.clock_skew(date, NOW - 900) == -300


def test_a_date_header_of_another_zone_means_the_same_moment() -> None:
    date = "Wed, 15 Nov 2023 07:03:20 +0900"
    assert _faults.clock_skew(date, NOW) == 600
    assert _faults.retry_after(date, NOW - 690) == 90


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
    assert _faults.retry_after(value, NOW) == seconds


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
    assert _faults.is_worth_retrying(error) is retried


def test_pauses_double_up_to_a_cap() -> None:
    error = failed(_errors.ConnectionFailed)
    assert [_faults.pause_before(error, attempt, 1.0) for attempt in range(7)] == [0.5, 1, 2, 4, 8, 15, 15]
    assert _faults.pause_before(error, 10**9, 1.0) == 15


@pytest.mark.parametrize(("jitter", "part"), [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)])
def test_jitter_shortens_a_pause_by_up_to_half(jitter: float, part: float) -> None:
    assert _faults.pause_before(answered(503), 2, jitter) == 2 * part


@pytest.mark.parametrize("wait", [0.0, 3.0, 3600.0])
def test_a_retry_after_stands_for_the_pause(wait: float) -> None:
    assert _faults.pause_before(answered(503, wait=wait), 4, 0.3) == wait


@pytest.mark.parametrize("body", ["<p>secret-word</p>", '["secret\\u002dword"]', '{"error": {"message": "secret-word"}}'])
def test_an_error_body_of_any_shape_is_redacted(body: str) -> None:
    message = _faults.read_fault(body, lambda text: text.replace("secret-word", "***")).message
    assert message.strip('["]') == "***"


def test_an_error_body_is_redacted_after_its_escapes_are_resolved() -> None:
    hidden = json.dumps({"error": {"message": "".join(f"&#{ord(char)};" for char in "secret-word")}})
    assert _faults.read_fault(hidden, lambda text: text.replace("secret-word", "***")).message == "***"
