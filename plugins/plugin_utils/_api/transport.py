# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send requests with time limits and retries, and raise an error for every response that is not a success.

An attempt runs on its own thread. When its time is over, it is given up, and its connection is shut down. Only this limits every
phase: the DNS lookup, the TLS handshake, a proxy, headers that never end, and a body that arrives byte by byte.
"""

from __future__ import annotations

import random
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from traceback import clear_frames
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.body import ACCEPTED, UnknownCoding, parse_json, unpacked
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.connections import Adapter, Attempt, silence_library
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.local_settings import (
    certificates_fault,
    install,
    proxy_fault,
    unread_variable,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.retry import (
    Fault,
    classify,
    clock_skew,
    counted,
    error_in,
    is_worth_retrying,
    outcome,
    pause_before,
    read_fault,
    retry_after,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.signature import SignatureV2
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.threads import Task
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.url import check_url
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import (
    CertificateError,
    ConfigurationError,
    ConnectionFailed,
    HostNotFound,
    NotJsonError,
    NsmlError,
    RequestError,
    ResponseError,
    ServerError,
    StatusError,
    TimeExceeded,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import readable, readable_body

try:
    import requests
    from urllib3.exceptions import HTTPError, ReadTimeoutError
except (ImportError, AttributeError) as error:  # an old library may use what a new Python has removed
    IMPORT_ERROR: Exception | None = error
else:
    IMPORT_ERROR = None

if TYPE_CHECKING:
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.credentials import Credentials

# 50,000 nodes in one response are about 35 MiB and a million values. Parsing takes a second, which no deadline can interrupt.
MAX_BODY = 64 * 1024 * 1024
MAX_VALUES = 2_000_000
_CHUNK = 64 * 1024

# For all responses of one reading: 100,000 nodes are about 70 MiB and two million values, and may be read three times.
MAX_READING = 256 * 1024 * 1024
MAX_READING_VALUES = 8_000_000

# Seconds in which a thread that was given up ends, unless it is in a DNS lookup.
_LAST_MOMENT = 0.2

_UNKNOWN_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))

# The TLS errors of a connection that is cut.
_TLS_CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError)

# The headers with IDs for the vendor's support (documented).
_SUPPORT_IDS = {"x-ncp-trace-id": "trace ID", "x-ncp-apigw-request-id": "request ID"}

# A server that fails at an optional request, such as page 0, fails each time.
_PROBE_RETRIES = 2

# A name that does not exist rarely exists a moment later.
_NAME_RETRIES = 1

# Seconds until the first report of a wait, and between two reports.
_FIRST_NOTICE = 3.0
_NOTICE_INTERVAL = 30.0


def _ignore(_line: str) -> None:
    """Ignore a line."""


def _no_description(_value: object) -> str:
    return ""


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


class Request(NamedTuple):
    """One GET request.

    :param what: the list that it reads, in words for a message
    :param path: the path below the API's URL, with quoted segments
    :param query: the parameters, in the order in which they are sent
    """

    what: str
    path: str
    query: Mapping[str, int] = MappingProxyType({})


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
            raise _library_error(IMPORT_ERROR)
        self._url = check_url(url)
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
        self._session = requests.Session()
        self._session.headers["Accept-Encoding"] = ACCEPTED
        self._session.auth = SignatureV2(credentials, now)
        # Plain http to loopback never uses a proxy, which would send the keys to another machine.
        self._session.trust_env = urlsplit(self._url).scheme == "https"
        self._session.mount(self._url, Adapter(pool_connections=1, pool_maxsize=connections))
        silence_library()

    def close(self) -> None:
        """Close the connections that are kept."""
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
                met.append(outcome(error))
                stumbles += isinstance(error, ServerError) and error.status == 500
                if len(met) > 1:
                    error.note = f"Tried {len(met)} times{f': {counted(met)}' if len(set(met)) > 1 else ''}."
                retries = min(self._retries, _NAME_RETRIES) if isinstance(error, HostNotFound) else self._retries
                if len(met) > retries or not is_worth_retrying(error) or (probe and stumbles > _PROBE_RETRIES):
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
            raise self._time_error(request, deadline, seconds)
        with self._lock:
            self.requests_made += 1
        began = time.monotonic()

        def trace(outcome: str) -> None:
            line = f"{self.where(request)}: {outcome}, {time.monotonic() - began:.2f} s, try {number}"
            with self._lock:
                self._trace(self._credentials.redact(line))

        try:
            value = self._run(request, deadline, seconds)
        except (TimeoutError, RequestError) as error:
            failure = error if isinstance(error, RequestError) else self._time_error(request, deadline, seconds)
            trace(outcome(failure))
            if is_worth_retrying(failure) and deadline.remaining() > 0:
                deadline.note_failure(failure)
            raise failure from None
        deadline.note_answer()
        trace(", ".join(filter(None, ["200", self._clean(describe(value))])))
        return value

    def _run(self, request: Request, deadline: Deadline, seconds: float) -> Any:
        """Return the result of an exchange on its own thread, which ends within a moment after this returns.

        :param seconds: the time limit
        :raises TimeoutError: the exchange took longer
        """
        attempt = Attempt()

        def exchange() -> Any:
            with attempt:
                return self._exchange(request, deadline, seconds)

        task = Task(exchange, "nsml-exchange")
        try:
            in_silence = min(seconds, deadline.until_notice())
            if task.wait(in_silence):
                return task.result()
            self._report_wait(request, deadline, "no response yet")
            if task.wait(seconds - in_silence):
                return task.result()
        finally:
            attempt.give_up()
        if task.wait(_LAST_MOMENT):
            with suppress(RequestError, TimeoutError):
                task.result()  # releases the objects to which the task refers
        raise TimeoutError

    def _report_wait(self, request: Request, deadline: Deadline, words: str, pause: float = 0) -> None:
        """Report what a request waits for, if a report is due."""
        with self._lock:
            if deadline.is_notice_due(pause):
                self._notify(self._credentials.redact(f"Waiting for {request.what} from {self._host()}: {words}."))

    def _time_error(self, request: Request, deadline: Deadline, seconds: float) -> RequestError:
        if seconds < self._timeout:
            problem, advice = deadline.explain()
        else:
            problem = f"no complete response within {seconds:g} s ('timeout')."
            advice = "Check the network and 'api_url', or increase 'timeout'."
        return self._error(TimeExceeded, request, problem, advice)

    def _exchange(self, request: Request, deadline: Deadline, seconds: float) -> Any:
        """Send one request and return the JSON value of its response. Runs on the thread of the attempt."""
        try:
            with self._send(self._target(request), seconds) as response:
                body = self._body(response, request, deadline)
        except (OSError, HTTPError, ValueError) as error:  # the errors of requests are OSErrors
            failure = self._connection_error(error, request)
            _let_go(error)
            raise failure from None
        text = body.decode("utf-8-sig", "replace")
        if response.status_code == 204 or (response.status_code == 200 and not text.strip() and _is_framed(response)):
            return None
        if response.status_code != 200:
            raise self._status_error(response, text, request)
        try:
            value = parse_json(text, self._credentials.redact)
        except (ValueError, RecursionError):
            raise self._json_error(response, text, request) from None
        if fault := error_in(value, self._credentials.redact):
            raise self._fault_error(response, request, fault, fault.status or 200, "HTTP 200 with an error in its body")
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
                raise self._size_error(response, request, f"is larger than {MAX_BODY // 1024**2} MiB")
            if deadline.count_bytes(len(piece)) > MAX_READING:
                raise self._size_error(
                    response, request, f"and the previous responses are larger than {MAX_READING // 1024**2} MiB"
                )
        values = body.count(b",") + body.count(b"[") + body.count(b"{")
        if values > MAX_VALUES:
            raise self._size_error(response, request, f"contains more than {MAX_VALUES:,} values")
        if deadline.count_values(values) > MAX_READING_VALUES:
            raise self._size_error(
                response, request, f"and the previous responses contain more than {MAX_READING_VALUES:,} values"
            )
        return bytes(body)

    def _pieces(self, response: requests.Response, request: Request) -> Iterator[bytes]:
        coding = response.headers.get("Content-Encoding", "")
        try:
            return unpacked(response.raw.stream(_CHUNK, decode_content=False), coding)
        except UnknownCoding:
            problem = f"the response has the unexpected Content-Encoding '{self._clean(coding)}'{self._ids(response)}."
            advice = "Check that 'api_url' is the URL of the NSML API, and that no proxy compresses the responses."
            raise self._error(ResponseError, request, problem, advice) from None

    def _size_error(self, response: requests.Response, request: Request, words: str) -> RequestError:
        advice = "Check that 'api_url' is the URL of the NSML API, or decrease 'page_size'."
        return self._error(ResponseError, request, f"the response {words}{self._ids(response)}.", advice)

    def _connection_error(self, error: Exception, request: Request) -> NsmlError | TimeoutError:
        # In a body, requests may report a timeout as a broken connection.
        if isinstance(error, requests.exceptions.Timeout) or isinstance(_root_cause(error), ReadTimeoutError):
            return TimeoutError()
        if fault := self._settings_fault(error):
            return ConfigurationError(f"Cannot connect to {self._host()}: {' '.join(fault)}")
        cause = _root_cause(error)
        words = self._clean(_words(cause)).rstrip(".")
        kind = HostNotFound if _is_unknown_name(cause) else ConnectionFailed
        if isinstance(error, requests.exceptions.ProxyError):
            problem = f"the proxy for {self._host()} failed: {words}."
            return self._error(kind, request, problem, "Check the proxy settings in the environment.")
        if isinstance(error, requests.exceptions.SSLError) and not isinstance(cause, _TLS_CUT):
            problem = f"the TLS connection to {self._host()} failed: {words}."
            advice = "Check 'api_url'. To trust your own CA, set 'ca_path' to the file of the CA."
            if variable := unread_variable(self._verify):
                advice += f" '{variable}' is set, but the Python library requests does not read this variable."
            return self._error(CertificateError, request, problem, advice)
        problem = f"the connection to {self._host()} failed: {words}."
        return self._error(kind, request, problem, "Check the network, the proxy settings and 'api_url'.")

    def _settings_fault(self, error: Exception) -> tuple[str, str] | None:
        """Return what is wrong with this machine's settings, and the remedy, None if the error has another reason."""
        if not self._session.trust_env:
            return None
        is_refused = isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)) or (
            isinstance(error, ValueError) and not isinstance(error, requests.exceptions.RequestException)
        )
        if is_refused:
            unusable = "the URL in 'api_url' or the URL of the proxy is invalid.", "Check both URLs."
            return proxy_fault(is_refused=True) or unusable
        if isinstance(error, requests.exceptions.ProxyError):
            return proxy_fault(is_refused=False)
        if self._verify and (
            isinstance(error, requests.exceptions.SSLError) or not isinstance(error, requests.exceptions.RequestException)
        ):
            return certificates_fault(self._verify)
        return None

    def _status_error(self, response: requests.Response, text: str, request: Request) -> RequestError:
        status, headers, ids = response.status_code, response.headers, self._ids(response)
        if 300 <= status < 400:
            problem = f"HTTP {status}, a redirect to {self._clean(headers.get('Location', 'an unknown location'))}{ids}."
            advice = "The plugin does not follow redirects, because they would send the keys to another server. Check 'api_url'."
            return self._error(ResponseError, request, problem, advice)
        fault = read_fault(text, self._credentials.redact)
        return self._fault_error(response, request, fault, status, f"HTTP {status}")

    def _fault_error(self, response: requests.Response, request: Request, fault: Fault, status: int, problem: str) -> StatusError:
        """Return the error for a fault.

        :param status: the status of the response, or the status that the code of the fault stands for
        :param problem: the status in words, to which the fault is added
        """
        headers = response.headers
        kind, advice = classify(status, fault.code, clock_skew(headers.get("Date", ""), self._now()))
        if status == 401 and self._credentials.origin:
            advice = f"{advice} Keys: {self._credentials.origin}."
        return kind(
            request.what,
            self.where(request),
            f"{problem}{fault}{self._ids(response)}.",
            advice,
            status=status,
            code=fault.code,
            retry_after=retry_after(headers.get("Retry-After", ""), self._now()),
        )

    def _json_error(self, response: requests.Response, text: str, request: Request) -> RequestError:
        answer = f'"{self._clean(text)}"{self._ids(response)}'
        if _may_be_cut(response, text):
            problem = f"the response is incomplete or is not JSON: {answer}."
            return self._error(ConnectionFailed, request, problem, "Check the network, the proxy settings and 'api_url'.")
        problem = f"the response is not usable JSON: {answer}."
        advice = "Check that 'api_url' is the URL of the NSML API, and that no proxy or login page responds instead."
        return self._error(NotJsonError, request, problem, advice)

    def _error(self, kind: type[RequestError], request: Request, problem: str, advice: str) -> RequestError:
        return kind(request.what, self.where(request), problem, advice)

    def _target(self, request: Request) -> str:
        return self._url + request.path + (f"?{urlencode(request.query)}" if request.query else "")

    def where(self, request: Request) -> str:
        """Return method and path of a request, for a message."""
        return "GET /" + self._target(request).split("/", 3)[3]

    def _host(self) -> str:
        return urlsplit(self._url).netloc

    def _ids(self, response: requests.Response) -> str:
        """Return the IDs of a response for the vendor's support, in words."""
        headers = response.headers
        return "".join(f", {name} {self._clean(headers[key])}" for key, name in _SUPPORT_IDS.items() if key in headers)

    def _clean(self, text: str) -> str:
        return readable_body(text, self._credentials.redact)


def _library_error(error: Exception) -> ConfigurationError:
    if isinstance(error, ModuleNotFoundError) and error.name == "requests":
        return ConfigurationError(
            f"The Python library requests is missing. Install the library for the Python that runs Ansible: {install('requests')}"
        )
    return ConfigurationError(
        f"Cannot load the Python library requests: {readable(str(error)).rstrip('.')}. The version of the library may not support"
        f" this Python. Upgrade the library: {install('--upgrade requests urllib3')}"
    )


def _is_unknown_name(cause: BaseException) -> bool:
    """Return whether the name does not exist in DNS. If the DNS server cannot be reached, the name may exist."""
    inner = cause.__cause__ or cause.__context__
    return isinstance(inner, socket.gaierror) and inner.errno in _UNKNOWN_NAME


def _may_be_cut(response: requests.Response, text: str) -> bool:
    """Return whether the body may be incomplete, because only the end of the connection marks its end."""
    return not _is_framed(response) and text.lstrip()[:1] in ("", "{", "[")


def _is_framed(response: requests.Response) -> bool:
    """Return whether the headers determine the end of the body."""
    return bool({"content-length", "transfer-encoding"} & {name.lower() for name in response.headers})


def _root_cause(error: BaseException) -> BaseException:
    """Return the innermost of the errors that the libraries wrap in each other."""
    inner = getattr(error, "reason", None)
    if not isinstance(inner, BaseException):
        inner = next((arg for arg in error.args if isinstance(arg, BaseException)), None)
    return _root_cause(inner) if inner else error


def _let_go(error: BaseException | None) -> None:
    """Clear the frames of an error, because they and their reference cycles keep sockets open that the library did not close."""
    while error:
        clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _words(error: BaseException) -> str:
    """Return the message of an error without the addresses of objects, or the name of its class if it has no message."""
    return re.sub(r"<[^>]*>:? ?|^HTTPS?Connection(Pool)?\([^)]*\): ", "", str(error)) or type(error).__name__
