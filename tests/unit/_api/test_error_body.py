# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors that the service describes in the body of a response."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.error_body import Fault, error_in, read_fault


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
    assert read_fault(body) == fault


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("depth", [900, 5_000, 100_000])
@pytest.mark.parametrize("body", ["{}", '{{"error": {{"message": {}}}}}', '{{"error": {}}}'])
def test_an_error_body_nested_without_sense_is_cut_short(body: str, depth: int) -> None:
    assert len(read_fault(body.format("[" * depth + "]" * depth)).message) <= 303


SUCCESSES: list[Any] = [0, "0", "0000", 0.0, 200, "200", " 200 ", 200.0, "OK", "ok", "SUCCESS", "Success", "succeeded", None, ""]


@pytest.mark.parametrize("name", ["returnCode", "code", "resultCode", "errorCode", "return_code", "CODE"])
@pytest.mark.parametrize("code", SUCCESSES)
@pytest.mark.parametrize("rows", [[], [{"nodeId": "a"}], None])
def test_success_code_with_status_200_is_no_error(name: str, code: object, rows: object) -> None:
    assert error_in({name: code, "message": "words", "nodes": rows}) is None
    assert error_in({"header": {name: code}, "nodes": rows}) is None


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
    assert error_in(body) is None


@pytest.mark.parametrize("code", [1, "1300", "210", "FAIL", 404])
def test_answer_that_holds_rows_is_no_error_whatever_its_code(code: object) -> None:
    rows = [{"nodeId": "a"}]
    assert error_in({"returnCode": code, "returnMessage": "No", "nodes": rows}) is None
    assert error_in({"error": {"errorCode": code, "message": "No"}, "nodes": rows}) is None
    assert error_in({"returnCode": code, "returnMessage": "No", "nodes": []}) is not None


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
    assert error_in({"error": error}) == Fault(code, "No", "Why", status)
    assert error_in({"error": error, "nodes": None, "totalCount": 0}) == Fault(code, "No", "Why", status)


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
    assert error_in(body) == fault


def test_error_with_status_200_is_redacted() -> None:
    fault = error_in({"error": {"message": "secret-word"}}, lambda text: text.replace("secret-word", "***"))
    assert fault == Fault(message="***")


def test_a_fault_is_worded_as_far_as_it_is_known() -> None:
    assert str(Fault("210", "No", "Why")) == ', code 210: "No" (Why)'
    assert str(Fault(message="No")) == ': "No"'
    assert str(Fault()) == ""


@pytest.mark.parametrize("body", ["<p>secret-word</p>", '["secret\\u002dword"]', '{"error": {"message": "secret-word"}}'])
def test_an_error_body_of_any_shape_is_redacted(body: str) -> None:
    message = read_fault(body, lambda text: text.replace("secret-word", "***")).message
    assert message.strip('["]') == "***"


def test_an_error_body_is_redacted_after_its_escapes_are_resolved() -> None:
    hidden = json.dumps({"error": {"message": "".join(f"&#{ord(char)};" for char in "secret-word")}})
    assert read_fault(hidden, lambda text: text.replace("secret-word", "***")).message == "***"
