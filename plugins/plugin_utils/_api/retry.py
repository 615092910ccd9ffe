# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decide whether to retry a failed request, and after which pause. Nothing is sent here."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import (
    CertificateError,
    ConnectionFailed,
    HostNotFound,
    QuotaError,
    RequestError,
    StatusError,
    TimeExceeded,
)

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 15.0
_RETRIED_STATUS = frozenset({429, 500, 502, 503, 504})

_OUTCOMES = {
    TimeExceeded: "timed out",
    CertificateError: "certificate not trusted",
    HostNotFound: "host name not found",
    ConnectionFailed: "connection failed",
    RequestError: "unusable response",
}


def outcome(error: RequestError) -> str:
    """Return the outcome of a failed attempt in a few words: the status, or the kind of error."""
    if isinstance(error, StatusError):
        return f"{error.status}, code {error.code}" if error.code else str(error.status)
    return next(words for kind, words in _OUTCOMES.items() if isinstance(error, kind))


def counted(outcomes: Sequence[str]) -> str:
    """Return the outcomes of several attempts as one string, each with its number of occurrences."""
    return ", ".join(words if times == 1 else f"{words} ({times} times)" for words, times in Counter(outcomes).items())


def is_worth_retrying(error: RequestError) -> bool:
    """Return whether the error is worth retrying."""
    if isinstance(error, (CertificateError, QuotaError)):
        return False
    if isinstance(error, StatusError):
        return error.status in _RETRIED_STATUS
    return isinstance(error, (ConnectionFailed, TimeExceeded))


def pause_before(error: RequestError, attempt: int, jitter: float) -> float:
    """Return the number of seconds to wait before the next attempt.

    :param attempt: 0 after the first failure, 1 after the second, ...
    :param jitter: a random number from 0 to 1, so that many clients do not retry at the same time
    """
    if isinstance(error, StatusError) and error.retry_after is not None:
        return error.retry_after
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * math.pow(2, min(attempt, 30)))
    return longest * (1 + jitter) / 2
