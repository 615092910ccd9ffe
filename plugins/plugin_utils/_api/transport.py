# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One exchange with the service: a session, time limits, retries, and an error for every answer that is not a 200.

An attempt runs on a thread of its own. When its time is over it is given up, and its connection is shut down. That is the one way
to bound everything: looking up the name, the TLS handshake, a proxy, headers that never end, and a body that comes byte by byte.
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
from dataclasses import dataclass, field
from traceback import clear_frames
from typing import TYPE_CHECKING, Any
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
except (ImportError, AttributeError) as error:  # an old library may use what a new Python no longer has
    IMPORT_ERROR: Exception | None = error
else:
    IMPORT_ERROR = None

if TYPE_CHECKING:
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.credentials import Credentials

# 50,000 nodes in one answer are some 35 MiB and a million values, which take a second to parse: no deadline can break in there.
MAX_BODY = 64 * 1024 * 1024
MAX_VALUES = 2_000_000
_CHUNK = 64 * 1024

# All answers of one reading: 100,000 nodes are some 70 MiB and two million values, and may have to be read three times.
MAX_READING = 256 * 1024 * 1024
MAX_READING_VALUES = 8_000_000

# What a thread that was given up takes to end, in seconds, but where it looks up a name.
_LAST_MOMENT = 0.2

_UNKNOWN_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))

# What TLS makes of a connection that is cut.
_TLS_CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError)

# What the vendor's support asks for (documented).
_SUPPORT_IDS = {"x-ncp-trace-id": "trace ID", "x-ncp-apigw-request-id": "request ID"}


# A server that stumbles over a request that only checks, such as page 0, does so each time.
_PROBE_RETRIES = 2

# A name that does not exist hardly comes into being a moment later.
_NAME_RETRIES = 1

# Seconds after which the user is told what is waited for, and how long until that is told again.
_FIRST_NOTICE = 3.0
_NOTICE_INTERVAL = 30.0

_UNAUTHORIZED = 401


def _ignore(_line: str) -> None:
    """Take a line, and do nothing with it."""


def _no_description(_value: object) -> str:
    return ""


class Deadline:
    """The moment by which a reading must be done, what its tries met, and how much it has read.

    :param seconds: how long from now
    :param clock: a monotonic clock, in seconds
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
        """Return the seconds that are left, zero or less when it is over."""
        return self._end - self._clock()

    def until_notice(self) -> float:
        """Return the seconds until the user should be told what is waited for."""
        return max(0.0, self._next_notice - self._clock())

    def is_notice_due(self, pause: float) -> bool:
        """Return whether the user should be told now what is waited for, at most once in a while.

        :param pause: seconds that pass before the next occasion
        """
        if self.until_notice() > pause:
            return False
        self._next_notice = max(self._next_notice, self._clock()) + _NOTICE_INTERVAL
        return True

    def count_bytes(self, number: int) -> int:
        """Count bytes that were read, and return how many there are by now."""
        with self._lock:
            self._bytes += number
            return self._bytes

    def count_values(self, number: int) -> int:
        """Count values that were read, and return how many there are by now."""
        with self._lock:
            self._values += number
            return self._values

    def note_answer(self) -> None:
        """Count a try that was answered."""
        self._answers += 1

    def note_failure(self, error: RequestError) -> None:
        """Remember how a try failed; the error itself would hold the whole answer."""
        self._failures.append(outcome(error))
        self._advice = error.advice

    def explain(self) -> tuple[str, str]:
        """Return what happened before the deadline was over, and what the user can do about it."""
        over = f"the deadline of {self.seconds:g} s ('deadline') passed"
        if self._failures:
            return (
                f"{over}. Failed tries before the deadline: {counted(self._failures)}.",
                f"{self._advice} You can also increase 'deadline'.",
            )
        if self._answers:
            return f"{over}. Responses before the deadline: {self._answers}.", "Increase 'deadline'."
        return f"{over} without a response.", "Check the network and 'api_url', or increase 'deadline'."


@dataclass(frozen=True)
class Request:
    """One GET.

    :param what: what it reads, in words for an error text
    :param path: the path below the API's URL, its parts quoted already
    :param query: the parameters, in the order in which they are sent
    """

    what: str
    path: str
    query: Mapping[str, int] = field(default_factory=dict)


class Transport:
    """Sends requests, counts them as ``requests_made``, and returns the JSON of their answers.

    :param url: the API's URL, with its service prefix
    :param timeout: seconds for one attempt, from looking up the name to the last byte
    :param retries: further attempts after the first
    :param connections: how many connections to keep, one for each thread that calls
    :param verify: False, True, or the path of a CA bundle
    :param now: seconds since the epoch; signs requests and is held against the service's clock
    :param trace: takes one line for each try; never called by two threads at once
    :param notify: takes a line on what is being waited for, now and then from three seconds on; likewise
    :raises ConfigurationError: the requests library is missing or broken, or the URL is not one to send keys to
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
        # Loopback in plain http never goes through a proxy, which would carry the keys off this machine.
        self._session.trust_env = urlsplit(self._url).scheme == "https"
        self._session.mount(self._url, Adapter(pool_connections=1, pool_maxsize=connections))
        silence_library()

    def close(self) -> None:
        """Close the connections that are kept."""
        self._session.close()

    def get(
        self, request: Request, deadline: Deadline, *, describe: Callable[[Any], str] = _no_description, probe: bool = False
    ) -> Any:
        """Return the JSON value that the service answers, None where its answer has no body.

        :param describe: says in a few words what a value holds, for the trace
        :param probe: this request only checks, so an answer of 500 is tried at most two more times
        :raises RequestError: its class says how it failed
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
        """Send a request once, and trace it: method, path, outcome, seconds and which try, but no header, body or key."""
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
        """Return the result of an exchange on a thread of its own, which has ended when this has.

        :raises TimeoutError: it took longer
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
                task.result()  # lets go of what the task holds
        raise TimeoutError

    def _report_wait(self, request: Request, deadline: Deadline, words: str, pause: float = 0) -> None:
        """Report what is being waited for, unless that was done a moment ago, or is too early."""
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
        """Send one request and read its answer, on the thread of the attempt."""
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
        """Send one signed GET, not by the session's own way: that reads a redirect's body, however long, and keeps cookies."""
        session = self._session
        settings: Mapping[str, Any] = session.merge_environment_settings(url, {}, True, self._verify, None)
        prepared = session.prepare_request(requests.Request("GET", url))
        return session.get_adapter(url).send(prepared, timeout=seconds, **settings)

    def _body(self, response: requests.Response, request: Request, deadline: Deadline) -> bytes:
        response.raw.enforce_content_length = True  # urllib3 1 takes a short body for a whole one otherwise
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
        # What requests takes for a broken connection in a body may be a time-out.
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
        """Return what is wrong with this machine's settings, and the remedy, None where an error has another reason."""
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
        """Return the error of a fault.

        :param status: that of the answer, or the one that the fault stands for
        """
        headers = response.headers
        kind, advice = classify(status, fault.code, clock_skew(headers.get("Date", ""), self._now()))
        if status == _UNAUTHORIZED and self._credentials.origin:
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
        """Return method and path of a request, for an error text."""
        return "GET /" + self._target(request).split("/", 3)[3]

    def _host(self) -> str:
        return urlsplit(self._url).netloc

    def _ids(self, response: requests.Response) -> str:
        """Return what the vendor's support asks for."""
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
    """Return whether DNS has no such name, as far as this can be told from a server that cannot be reached just now."""
    inner = cause.__cause__ or cause.__context__
    return isinstance(inner, socket.gaierror) and inner.errno in _UNKNOWN_NAME


def _may_be_cut(response: requests.Response, text: str) -> bool:
    """Return whether the connection may have ended within a body whose end only the connection's end marks."""
    return not _is_framed(response) and text.lstrip()[:1] in ("", "{", "[")


def _is_framed(response: requests.Response) -> bool:
    """Return whether the headers say where the body ends."""
    return bool({"content-length", "transfer-encoding"} & {name.lower() for name in response.headers})


def _root_cause(error: BaseException) -> BaseException:
    """Return the innermost error of those that the libraries wrap in each other."""
    inner = getattr(error, "reason", None)
    if not isinstance(inner, BaseException):
        inner = next((arg for arg in error.args if isinstance(arg, BaseException)), None)
    return _root_cause(inner) if inner else error


def _let_go(error: BaseException | None) -> None:
    """Clear the frames that an error holds: sockets that the library forgot to close are in them, and in cycles."""
    while error:
        clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _words(error: BaseException) -> str:
    """Return an error's text without the addresses of objects, or its name when it has none."""
    return re.sub(r"<[^>]*>:? ?|^HTTPS?Connection(Pool)?\([^)]*\): ", "", str(error)) or type(error).__name__
