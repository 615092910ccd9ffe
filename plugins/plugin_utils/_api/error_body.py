# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the error that the service describes in the body of a response. Nothing is sent here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import integer, readable_body

_FAILED_STATUS = range(400, 600)

# The names of the parts of an error. The names of the gateway are documented, the others are inferred from similar services.
# Case, dashes and underscores are ignored.
_CODES = ("errorcode", "returncode", "resultcode", "code")
_MESSAGES = ("message", "errormessage", "returnmessage", "resultmessage", "msg", "error")
_DETAILS = ("details", "detail")
_OUTCOME_WORDS = ("status", "result")
_SUCCESS_FLAGS = ("success", "issuccessful")
_ERRORS = ("error", "errors", "responseerror")
_ENVELOPES = ("response", "result", "header", "status")
_SUCCESS = frozenset({"", "ok", "success", "succeeded", "successful"})
_FAILURE = frozenset({"fail", "failed", "failure", "error"})
_MAX_ENVELOPES = 3

# The HTTP status of each error code of the gateway (documented).
_GATEWAY_STATUS = {
    "100": 400,
    "200": 401,
    "210": 401,
    "230": 403,
    "300": 404,
    "400": 429,
    "410": 429,
    "420": 429,
    "430": 413,
    "500": 503,
    "510": 504,
    "900": 500,
}


class Fault(NamedTuple):
    """An error as the service describes it. Each part may be empty.

    :param status: the HTTP status that the code stands for, None if it is not known
    """

    code: str = ""
    message: str = ""
    details: str = ""
    status: int | None = None

    def __str__(self) -> str:
        code = f", code {self.code}" if self.code else ""
        message = f': "{self.message}"' if self.message else ""
        details = f" ({self.details})" if self.details else ""
        return code + message + details


def read_fault(body: str, redact: Callable[[str], str] = str) -> Fault:
    """Return the error in the body of an error response.

    The gateway's ``{"error": {"errorCode", "message", "details"}}`` is documented. The shapes of back ends (``returnCode``,
    ``returnMessage``, ``code``, ``message``, ``error`` as a string; nested or not) are inferred. Any other body is the message.

    :param redact: removes the secrets from a string
    """
    try:
        content = json.loads(body)
        body = json.dumps(content, ensure_ascii=False)  # an escape could hide a secret
        for parts, is_error in _envelopes(content):
            if is_error or _first(parts, (*_CODES, *_MESSAGES)) is not None:
                return _fault(parts, redact)
    except (ValueError, RecursionError):
        pass
    return Fault(message=readable_body(body, redact))


def error_in(body: Any, redact: Callable[[str], str] = str) -> Fault | None:
    """Return the error in the parsed body of a response with status 200, None if there is none.

    A code of 0, 200, "OK" or "SUCCESS" is not an error, in any type and case. But within ``error``, 200 is one: it is the
    gateway's code for wrong keys. A body with rows is never an error, whatever else it contains.

    :param redact: removes the secrets from a string
    """
    if not isinstance(body, dict) or _holds_rows(body):
        return None
    for parts, is_error in _envelopes(body):
        if (_is_error_object if is_error else _reports_error)(parts):
            return _fault(parts, redact)._replace(status=_status(parts))
    return None


def _envelopes(value: Any, depth: int = _MAX_ENVELOPES, is_error: bool = False) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield the objects that may describe an error, the most likely first, and whether each is in an ``error``."""
    if isinstance(value, list) and is_error:
        value = next(iter(value), None)
    if not isinstance(value, dict) or not depth:
        return
    parts = {re.sub("[-_]", "", name).lower(): part for name, part in value.items()}
    for name in _ERRORS:
        yield from _envelopes(parts.get(name), depth - 1, True)
    yield parts, is_error
    for name in _ENVELOPES:
        yield from _envelopes(parts.get(name), depth - 1)


def _fault(parts: Mapping[str, Any], redact: Callable[[str], str]) -> Fault:
    found = [_first(parts, names) for names in (_CODES, _MESSAGES, _DETAILS)]
    code, message, details = ("" if part is None else readable_body(str(part), redact) for part in found)
    return Fault(code, message, details)


def _first(parts: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((parts[name] for name in names if parts.get(name) is not None), None)


def _holds_rows(body: Mapping[str, Any]) -> bool:
    return any(isinstance(value, list) and value for name, value in body.items() if name.lower() not in _ERRORS)


def _is_error_object(parts: Mapping[str, Any]) -> bool:
    code = _first(parts, _CODES)
    return any(parts.values()) and (code is None or integer(code) == 200 or not _is_success(code))


def _reports_error(parts: Mapping[str, Any]) -> bool:
    message = _first(parts, _MESSAGES)
    if any(parts.get(name) is False for name in _SUCCESS_FLAGS):
        return True
    if isinstance(error := parts.get("error"), (str, bool)) and error and not _is_success(error):
        return True
    code = _first(parts, _CODES)
    if code is not None and not _is_success(code):
        return not (isinstance(message, str) and _is_success(message))
    # The details of a run have a status too, but no message.
    outcome = _first(parts, _OUTCOME_WORDS)
    return message is not None and isinstance(outcome, (str, int)) and _is_failure(outcome)


def _is_success(code: object) -> bool:
    number = integer(code)
    return number in (0, 200) if number is not None else str(code).strip().lower() in _SUCCESS


def _is_failure(code: str | int) -> bool:
    return integer(code) in _FAILED_STATUS or str(code).strip().lower() in _FAILURE


def _status(parts: Mapping[str, Any]) -> int | None:
    """Return the HTTP status that the code of an error stands for, None if it is not known."""
    if (status := _GATEWAY_STATUS.get(str(integer(parts.get("errorcode"))))) is not None:
        return status
    numbers = (integer(parts.get(name)) for name in (*_CODES, "status"))
    return next((number for number in numbers if number in _FAILED_STATUS), None)
