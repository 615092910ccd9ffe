# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decide whether to retry a failed request, after which pause, and until when. Nothing is sent here."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

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

# Seconds until the first report of a wait, and between two reports.
_FIRST_NOTICE = 3.0
_NOTICE_INTERVAL = 30.0

_OUTCOMES = {
    TimeExceeded: "timed out",
    CertificateError: "certificate not trusted",
    HostNotFound: "host name not found",
    ConnectionFailed: "connection failed",
    RequestError: "unusable response",
}


class Deadline:
    """The time limit of one reading, the outcomes of its attempts, and the amount of data it has read.

    :param seconds: the number of seconds from now
    :param clock: returns a monotonic time in seconds
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds
        self._next_notice = clock() + _FIRST_NOTICE
        self._lock = threading.Lock()
        self._bytes = 0
        self._values = 0
        self._answers = 0
        self._failures: list[str] = []
        self._advice = ""

    def remaining(self) -> float:
        """Return the remaining seconds, zero or less if the time is over."""
        return self._end - self._clock()

    def until_notice(self) -> float:
        """Return the seconds until the next report of a wait is due."""
        return max(0.0, self._next_notice - self._clock())

    def is_notice_due(self, pause: float) -> bool:
        """Return whether a report of a wait is due now, or within the pause. If it is, schedule the next one.

        :param pause: the number of seconds until the next call
        """
        if self.until_notice() > pause:
            return False
        self._next_notice = max(self._next_notice, self._clock()) + _NOTICE_INTERVAL
        return True

    def count_bytes(self, number: int) -> int:
        """Add to the number of bytes that were read, and return the total."""
        with self._lock:
            self._bytes += number
            return self._bytes

    def count_values(self, number: int) -> int:
        """Add to the number of values that were read, and return the total."""
        with self._lock:
            self._values += number
            return self._values

    def note_answer(self) -> None:
        """Count an attempt that received a response."""
        self._answers += 1

    def note_failure(self, error: RequestError) -> None:
        """Record how an attempt failed. The error itself is not kept, because it refers to the whole response."""
        self._failures.append(outcome(error))
        self._advice = error.advice

    def explain(self) -> tuple[str, str]:
        """Return what happened before the deadline passed, and what the user can do."""
        over = f"the deadline of {self.seconds:g} s ('deadline') passed"
        if self._failures:
            return (
                f"{over}. Failed tries before the deadline: {counted(self._failures)}.",
                f"{self._advice} You can also increase 'deadline'.",
            )
        if self._answers:
            return f"{over}. Responses before the deadline: {self._answers}.", "Increase 'deadline'."
        return f"{over} without a response.", "Check the network and 'api_url', or increase 'deadline'."


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
