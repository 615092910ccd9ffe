# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send requests with time limits and retries, and raise an error for every response that is not a success.

An attempt runs on its own thread. When its time is over, it is given up, and its connection is shut down. Only this limits every
phase: the DNS lookup, the TLS handshake, a proxy, headers that never end, and a body that arrives byte by byte.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from traceback import clear_frames
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.body import (
    ACCEPTED,
    UnknownCoding,
    is_framed,
    parse_json,
    unpacked,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.connections import Adapter, Attempts, silence_library
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.error_body import error_in
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.failures import Failures, library_error
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.request import SignatureV2, check_url
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import HostNotFound, RequestError, ServerError, StatusError
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import readable_body

try:
    import requests
    from urllib3.exceptions import HTTPError
except (ImportError, AttributeError) as error:  # an old library may use what a new Python has removed
    IMPORT_ERROR: Exception | None = error
else:
    IMPORT_ERROR = None

if TYPE_CHECKING:
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.credentials import Credentials
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.request import Request

# 50,000 nodes in one response are about 35 MiB and a million values. Parsing takes a second, which no deadline can interrupt.
MAX_BODY = 64 * 1024 * 1024
MAX_VALUES = 2_000_000
_CHUNK = 64 * 1024

# For all responses of one reading: 100,000 nodes are about 70 MiB and two million values, and may be read three times.
MAX_READING = 256 * 1024 * 1024
MAX_READING_VALUES = 8_000_000

# A server that fails at an optional request, such as page 0, fails each time.
_PROBE_RETRIES = 2

# A name that does not exist rarely exists a moment later.
_NAME_RETRIES = 1

# Seconds before the first retry, which double with each, and the maximum.
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 15.0

# Seconds until the first report of a wait, and between two reports.
_FIRST_NOTICE = 3.0
_NOTICE_INTERVAL = 30.0


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
        self._failures.append(error.outcome)
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


def _ignore(_line: str) -> None:
    """Ignore a line."""


def _no_description(_value: object) -> str:
    return ""


class Transport:
    """Sends requests, counts them in ``requests_made``, and returns the JSON values of the responses.

    :param url: the API's URL
    :param timeout: seconds for one attempt, from the DNS lookup to the last byte
    :param retries: the number of attempts after the first
    :param connections: the number of connections to keep, one for each calling thread
    :param verify: False, True, or the path of a CA bundle
    :param now: returns the seconds since the epoch, to sign requests and to compare with the service's clock
    :param sleep: sleeps for a number of seconds
    :param rand: returns a random number from 0 to 1, for the length of a pause
    :param trace: prints a line for each attempt; two threads never call it at the same time
    :param notify: prints what a request waits for, after 3 seconds and then every 30; two threads never call it at the same time
    :raises ConfigurationError: the library requests is missing or broken, or keys must not be sent to the URL
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        timeout: float,
        retries: int,
        connections: int,
        verify: bool | str = True,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        rand: Callable[[], float] = random.random,
        trace: Callable[[str], object] = _ignore,
        notify: Callable[[str], object] = _ignore,
    ) -> None:
        if IMPORT_ERROR:
            raise library_error(IMPORT_ERROR)
        self._url = check_url(url)
        parts = urlsplit(self._url)
        self._host = parts.netloc
        self._credentials = credentials
        self._timeout = timeout
        self._retries = retries
        self._verify = verify
        self._now = now
        self._sleep = sleep
        self._rand = rand
        self._trace = trace
        self._notify = notify
        self._lock = threading.Lock()
        self.requests_made = 0
        self._attempts = Attempts()
        self._session = requests.Session()
        self._session.headers["Accept-Encoding"] = ACCEPTED
        self._session.auth = SignatureV2(credentials, now)
        # Plain http to loopback never uses a proxy, which would send the keys to another machine.
        self._session.trust_env = parts.scheme == "https"
        self._session.mount(self._url, Adapter(pool_connections=1, pool_maxsize=connections))
        silence_library()
        self._failures = Failures(self._url, credentials, verify=verify, trust_env=self._session.trust_env, now=now)

    def close(self) -> None:
        """Make the requests under way fail, and close the connections that are kept."""
        self._attempts.close()
        self._session.close()

    def get(
        self, request: Request, deadline: Deadline, *, describe: Callable[[Any], str] = _no_description, probe: bool = False
    ) -> Any:
        """Return the JSON value of the response, None if the response has no body.

        :param describe: returns a short description of a value, for the trace
        :param probe: whether the request is optional, so that it is retried at most twice after a response of 500
        :raises RequestError: the request failed; the class is the kind of failure
        :raises ConfigurationError: a setting of this machine, such as a proxy, cannot be used
        """
        met: list[str] = []
        stumbles = 0
        while True:
            try:
                return self._attempt(request, deadline, len(met) + 1, describe)
            except RequestError as error:
                if self._attempts.are_closed:
                    raise
                if error.may_pass and deadline.remaining() > 0:
                    deadline.note_failure(error)
                met.append(error.outcome)
                stumbles += isinstance(error, ServerError) and error.status == 500
                if len(met) > 1:
                    error.note = f"Tried {len(met)} times{f': {counted(met)}' if len(set(met)) > 1 else ''}."
                retries = min(self._retries, _NAME_RETRIES) if isinstance(error, HostNotFound) else self._retries
                if len(met) > retries or not error.may_pass or (probe and stumbles > _PROBE_RETRIES):
                    raise
                pause = pause_before(error, len(met) - 1, self._rand())
                left = deadline.remaining()
                if 0 < left <= pause:
                    error.note = (
                        f"{error.note} The next try is due in {pause:.0f} s, but only {left:.0f} s of the deadline of"
                        f" {deadline.seconds:g} s are left. Try again later, or increase 'deadline'."
                    ).lstrip()
                if left <= pause:
                    raise
            self._report_wait(request, deadline, f"{met[-1]}; next try in {pause:.0f} s", pause)
            self._sleep(pause)

    def _attempt(self, request: Request, deadline: Deadline, number: int, describe: Callable[[Any], str]) -> Any:
        """Send a request once, and trace method, path, outcome, seconds and number of the attempt, but no header, body or key.

        :param number: the number of the attempt, from 1 on
        """
        seconds = min(self._timeout, deadline.remaining())
        if seconds <= 0:
            raise self._failures.deadline(request, *deadline.explain())
        with self._lock:
            self.requests_made += 1
        began = time.monotonic()

        def trace(outcome: str) -> None:
            line = f"{self.where(request)}: {outcome}, {time.monotonic() - began:.2f} s, try {number}"
            with self._lock:
                self._trace(self._credentials.redact(line))

        try:
            value = self._attempts.run(
                lambda: self._exchange(request, deadline, seconds),
                seconds,
                notify_after=deadline.until_notice(),
                notify=lambda: self._report_wait(request, deadline, "no response yet"),
            )
        except (TimeoutError, RequestError) as error:
            if isinstance(error, RequestError):
                failure = error
            elif seconds < self._timeout:
                failure = self._failures.deadline(request, *deadline.explain())
            else:
                failure = self._failures.timeout(request, seconds)
            trace(failure.outcome)
            raise failure from None
        deadline.note_answer()
        trace(", ".join(filter(None, ["200", readable_body(describe(value), self._credentials.redact)])))
        return value

    def _report_wait(self, request: Request, deadline: Deadline, words: str, pause: float = 0) -> None:
        """Report what a request waits for, if a report is due."""
        with self._lock:
            if deadline.is_notice_due(pause):
                self._notify(self._credentials.redact(f"Waiting for {request.what} from {self._host}: {words}."))

    def _exchange(self, request: Request, deadline: Deadline, seconds: float) -> Any:
        """Send one request and return the JSON value of its response. Runs on the thread of the attempt."""
        try:
            with self._send(request.url(self._url), seconds) as response:
                body = self._body(response, request, deadline)
        except (OSError, HTTPError, ValueError) as error:  # the errors of requests are OSErrors
            failure = self._failures.connection(error, request)
            _let_go(error)
            raise failure from None
        text = body.decode("utf-8-sig", "replace")
        if response.status_code == 204 or (response.status_code == 200 and not text.strip() and is_framed(response.headers)):
            return None
        if response.status_code != 200:
            raise self._failures.status(response, text, request)
        try:
            value = parse_json(text, self._credentials.redact)
        except (ValueError, RecursionError):
            raise self._failures.not_json(response, text, request) from None
        if fault := error_in(value, self._credentials.redact):
            raise self._failures.body(response, fault, request)
        return value

    def _send(self, url: str, seconds: float) -> requests.Response:
        """Send one signed GET, without the session's own method, which reads the body of a redirect, and keeps cookies."""
        session = self._session
        settings: Mapping[str, Any] = session.merge_environment_settings(url, {}, True, self._verify, None)
        prepared = session.prepare_request(requests.Request("GET", url))
        return session.get_adapter(url).send(prepared, timeout=seconds, **settings)

    def _body(self, response: requests.Response, request: Request, deadline: Deadline) -> bytes:
        response.raw.enforce_content_length = True  # otherwise, urllib3 1 accepts an incomplete body
        body = bytearray()
        for piece in self._pieces(response, request):
            body += piece
            if len(body) > MAX_BODY:
                raise self._failures.too_large(response, request, f"is larger than {MAX_BODY // 1024**2} MiB")
            if deadline.count_bytes(len(piece)) > MAX_READING:
                raise self._failures.too_large(
                    response, request, f"and the previous responses are larger than {MAX_READING // 1024**2} MiB"
                )
        values = body.count(b",") + body.count(b"[") + body.count(b"{")
        if values > MAX_VALUES:
            raise self._failures.too_large(response, request, f"contains more than {MAX_VALUES:,} values")
        if deadline.count_values(values) > MAX_READING_VALUES:
            raise self._failures.too_large(
                response, request, f"and the previous responses contain more than {MAX_READING_VALUES:,} values"
            )
        return bytes(body)

    def _pieces(self, response: requests.Response, request: Request) -> Iterator[bytes]:
        coding = response.headers.get("Content-Encoding", "")
        try:
            return unpacked(response.raw.stream(_CHUNK, decode_content=False), coding)
        except UnknownCoding:
            raise self._failures.coding(response, request, coding) from None

    def where(self, request: Request) -> str:
        """Return method and path of a request, for a message."""
        return request.where(self._url)


def _let_go(error: BaseException | None) -> None:
    """Clear the frames of an error, because they and their reference cycles keep sockets open that the library did not close."""
    while error:
        clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def counted(outcomes: Sequence[str]) -> str:
    """Return the outcomes of several attempts as one string, each with its number of occurrences."""
    return ", ".join(words if times == 1 else f"{words} ({times} times)" for words, times in Counter(outcomes).items())


def pause_before(error: RequestError, attempt: int, jitter: float) -> float:
    """Return the number of seconds to wait before the next attempt.

    :param attempt: 0 after the first failure, 1 after the second, ...
    :param jitter: a random number from 0 to 1, so that many clients do not retry at the same time
    """
    if isinstance(error, StatusError) and error.retry_after is not None:
        return error.retry_after
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * math.pow(2, min(attempt, 30)))
    return longest * (1 + jitter) / 2
