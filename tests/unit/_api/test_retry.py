# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a fault means to the user, and whether it is worth another try."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

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
        ('{"error": "words"}', Fault(message="words")),
        ('{"message": "words"}', Fault(message="words")),
        ('{"message": "\\uc5c6\\uc74c"}', Fault(message="없음")),
        ('{"returnCode": "1300", "returnMessage": "No"}', Fault("1300", "No")),
        ('{"responseError": {"returnCode": 1300, "returnMessage": "No"}}', Fault("1300", "No")),
        ('{"code": 404, "message": "No", "detail": "Why"}', Fault("404", "No", "Why")),
        ('{"error": {"code": "E1", "message": "No"}}', Fault("E1", "No")),
        ('{"errors": [{"code": "E1", "message": "No"}, {"code": "E2"}]}', Fault("E1", "No")),
        ('{"response": {"header": {"resultCode": "9", "resultMessage": "No"}}}', Fault("9", "No")),
        ('{"error_code": "E1", "error-message": "No"}', Fault("E1", "No")),
        ('{"status": 404, "error": "Not Found", "path": "/x"}', Fault(message="Not Found")),
        ('{"status": 404, "error": "Not Found", "message": "No run"}', Fault(message="No run")),
        ('{"words": "words"}', Fault(message='{"words": "words"}')),
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


SUCCESSES: list[Any] = [0, "0", "0000", 0.0, 200, "200", " 200 ", 200.0, "OK", "ok", "SUCCESS", "Success", "succeeded", None, ""]


@pytest.mark.parametrize("name", ["returnCode", "code", "resultCode", "errorCode", "return_code", "CODE"])
@pytest.mark.parametrize("code", SUCCESSES)
@pytest.mark.parametrize("rows", [[], [{"nodeId": "a"}], None])
def test_success_code_with_status_200_is_no_error(name: str, code: object, rows: object) -> None:
    assert _faults.error_in({name: code, "message": "words", "nodes": rows}) is None
    assert _faults.error_in({"header": {name: code}, "nodes": rows}) is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"nodes": None},
        {"nodes": [], "totalCount": 0},
        {"message": "no nodes"},
        {"error": None},
        {"error": ""},
        {"error": {}},
        {"error": False, "nodes": []},
        {"error": {"errorCode": None, "message": "", "details": None}},
        {"error": {"errorCode": 0, "message": "OK"}},
        {"errors": [], "nodes": []},
        {"code": "S0000", "message": "Success"},
        {"success": True, "message": "words"},
        {"status": "success", "message": "words"},
        {"result": {"nodes": []}},
        [],
        [{"code": "1"}],
        [{"error": "words"}],
        "words",
        None,
        7,
        # A run in detail: what its user chose is no code.
        {"runName": "2", "status": "RUN_STATE_COMPLETED", "command": "error", "envs": {"code": "7", "error": "words"}},
        *({"runName": "2", "status": status} for status in ("FAILED", "error", "fail")),
    ],
)
def test_answer_with_status_200_is_no_error(body: object) -> None:
    assert _faults.error_in(body) is None


@pytest.mark.parametrize("code", [1, "1300", "210", "FAIL", 404])
def test_answer_that_holds_rows_is_no_error_whatever_its_code(code: object) -> None:
    rows = [{"nodeId": "a"}]
    assert _faults.error_in({"returnCode": code, "returnMessage": "No", "nodes": rows}) is None
    assert _faults.error_in({"error": {"errorCode": code, "message": "No"}, "nodes": rows}) is None
    assert _faults.error_in({"returnCode": code, "returnMessage": "No", "nodes": []}) is not None


@pytest.mark.parametrize("number", [False, True])
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("100", 400),
        ("200", 401),
        ("210", 401),
        ("230", 403),
        ("300", 404),
        ("400", 429),
        ("410", 429),
        ("420", 429),
        ("430", 413),
        ("500", 503),
        ("510", 504),
        ("900", 500),
        ("77", None),
    ],
)
def test_gateway_error_with_status_200_stands_for_the_status_of_its_code(code: str, status: int | None, number: bool) -> None:
    error = {"errorCode": int(code) if number else code, "message": "No", "details": "Why"}
    assert _faults.error_in({"error": error}) == Fault(code, "No", "Why", status)
    assert _faults.error_in({"error": error, "nodes": None, "totalCount": 0}) == Fault(code, "No", "Why", status)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"returnCode": "1300", "returnMessage": "No"}, Fault("1300", "No")),
        ({"responseError": {"returnCode": "1300", "returnMessage": "No"}}, Fault("1300", "No")),
        ({"code": 404, "message": "No", "data": None}, Fault("404", "No", "", 404)),
        ({"code": "FAIL", "msg": "No"}, Fault("FAIL", "No")),
        ({"code": 500}, Fault("500", "", "", 500)),
        ({"code": 210, "message": "No"}, Fault("210", "No")),
        ({"errorCode": "210", "message": "No"}, Fault("210", "No", "", 401)),
        ({"error": {"code": 403, "message": "No"}}, Fault("403", "No", "", 403)),
        ({"error": {"message": "No"}}, Fault("", "No")),
        ({"error": "No"}, Fault("", "No")),
        ({"error": True, "message": "No"}, Fault("", "No")),
        ({"errors": [{"code": "E1", "message": "No"}]}, Fault("E1", "No")),
        ({"status": 404, "error": "Not Found", "message": "No", "path": "/x"}, Fault("", "No", "", 404)),
        ({"status": 503, "message": "No"}, Fault("", "No", "", 503)),
        ({"status": "error", "message": "No"}, Fault("", "No")),
        ({"result": "FAIL", "message": "No"}, Fault("", "No")),
        ({"success": False, "message": "No"}, Fault("", "No")),
        ({"header": {"isSuccessful": False, "resultCode": 1, "resultMessage": "No"}, "nodes": []}, Fault("1", "No")),
        ({"response": {"header": {"resultCode": "9", "resultMessage": "No"}}}, Fault("9", "No")),
    ],
)
def test_error_of_a_back_end_with_status_200_is_read_in_any_shape(body: object, fault: Fault) -> None:
    assert _faults.error_in(body) == fault


def test_error_with_status_200_is_redacted() -> None:
    fault = _faults.error_in({"error": {"message": "secret-word"}}, lambda text: text.replace("secret-word", "***"))
    assert fault == Fault(message="***")


def test_a_fault_is_worded_as_far_as_it_is_known() -> None:
    assert str(Fault("210", "No", "Why")) == ', code 210: "No" (Why)'
    assert str(Fault(message="No")) == ': "No"'
    assert str(Fault()) == ""


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


def test_outcomes_are_counted_in_the_order_in_which_they_came() -> None:
    assert _faults.counted(["503", "timed out", "503"]) == "503 (2 times), timed out"


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
