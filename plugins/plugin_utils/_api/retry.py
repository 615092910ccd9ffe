# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a fault means: pure functions from an answer, or an error, to what the user reads and whether it is worth another try."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import (
    AuthenticationError,
    CertificateError,
    ConnectionFailed,
    NotFoundError,
    PermissionDenied,
    QuotaError,
    RateLimitError,
    RequestError,
    ServerError,
    StatusError,
    TimeExceeded,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import readable_body

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 15.0
_RETRIED_STATUS = frozenset({429, 500, 502, 503, 504})

# The gateway refuses a timestamp that is five minutes or more off (documented for sister services).
_CLOCK_TOLERANCE = 300

_KINDS: dict[tuple[int, str | None], tuple[type[StatusError], str]] = {
    (401, "210"): (PermissionDenied, "Check that api_key belongs to a subscription to the NSML API."),
    (401, None): (AuthenticationError, "Check access_key, secret_key and api_key, and that this machine's clock is right."),
    (403, None): (PermissionDenied, "Ask the account's owner to let these keys read NSML projects."),
    (404, None): (NotFoundError, "Check project and run, and that api_url ends in /nsml/v1."),
    (429, "400"): (QuotaError, "The quota is used up: raise it in the gateway's console, or wait until it starts anew."),
    (429, None): (RateLimitError, "Lower concurrency, or wait a little."),
}
_SERVER_FAULT = (
    ServerError,
    "The fault is on the service's side: try again later, and if it stays so, give this text to the vendor's support.",
)
_UNEXPECTED = (StatusError, "Check the options; if they are right, the API is not as documented: please report this text.")


_OUTCOMES = {
    TimeExceeded: "timed out",
    CertificateError: "certificate not trusted",
    ConnectionFailed: "connection failed",
    RequestError: "unusable answer",
}


@dataclass(frozen=True)
class Fault:
    """The body of an error answer, as the gateway words it; each part may be empty."""

    code: str = ""
    message: str = ""
    details: str = ""

    def __str__(self) -> str:
        code = f", code {self.code}" if self.code else ""
        message = f': "{self.message}"' if self.message else ""
        details = f" ({self.details})" if self.details else ""
        return code + message + details


def read_fault(body: str, redact: Callable[[str], str] = str) -> Fault:
    """Read ``{"error": {"errorCode", "message", "details"}}`` (documented), or take any other body as the message.

    :param redact: takes the secrets out of a text
    """
    try:
        content = json.loads(body)
        body = json.dumps(content, ensure_ascii=False)  # an escape could hide a secret
        error = content["error"]
        parts = [error.get(name) for name in ("errorCode", "message", "details")]
        return Fault(*("" if part is None else readable_body(str(part), redact) for part in parts))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Fault(message=readable_body(body, redact))


def classify(status: int, code: str, skew: float | None) -> tuple[type[StatusError], str]:
    """Return the error class of a status, and the advice that goes with it (codes: documented).

    :param skew: seconds that this machine's clock is ahead of the service's, None when unknown
    """
    if status == 401 and skew is not None and abs(skew) >= _CLOCK_TOLERANCE:
        return AuthenticationError, (
            f"This machine's clock is {abs(skew) / 60:.0f} minutes {'ahead of' if skew > 0 else 'behind'} the service's, and a"
            " signature holds for less than 5 minutes: set the clock."
        )
    anything_else = _SERVER_FAULT if status >= 500 else _UNEXPECTED
    return _KINDS.get((status, code)) or _KINDS.get((status, None)) or anything_else


def clock_skew(date: str, now: float) -> float | None:
    """Return the seconds that ``now`` is ahead of a Date header, None when the header says nothing."""
    try:
        return now - _timestamp(date)
    except (ValueError, TypeError, OverflowError):
        return None


def retry_after(value: str, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks to wait: a number of seconds, or a date (RFC 9110)."""
    try:
        seconds = float(value) if re.fullmatch(r"\s*\d+(\.\d*)?\s*", value) else _timestamp(value) - now
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, seconds)


def _timestamp(date: str) -> float:
    moment = parsedate_to_datetime(date)
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def outcome(error: RequestError) -> str:
    """Return how a try ended, in a few words: the status, or the kind of fault."""
    if isinstance(error, StatusError):
        return f"{error.status}, code {error.code}" if error.code else str(error.status)
    return next(words for kind, words in _OUTCOMES.items() if isinstance(error, kind))


def is_worth_retrying(error: RequestError) -> bool:
    """Say whether the same request may well succeed a little later."""
    if isinstance(error, (CertificateError, QuotaError)):
        return False
    if isinstance(error, StatusError):
        return error.status in _RETRIED_STATUS
    return isinstance(error, (ConnectionFailed, TimeExceeded))


def pause_before(error: RequestError, attempt: int, jitter: float) -> float:
    """Return the seconds to wait before the next try.

    :param attempt: 0 after the first failure, 1 after the second, ...
    :param jitter: a random number from 0 to 1, so that many clients do not come back at one moment
    """
    if isinstance(error, StatusError) and error.retry_after is not None:
        return error.retry_after
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * math.pow(2, min(attempt, 30)))
    return longest * (1 + jitter) / 2
