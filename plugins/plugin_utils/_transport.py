# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One exchange with the service: a session, time limits, retries, and an error for every answer that is not a 200.

An attempt runs on a thread of its own that is given up when its time is over. That is the one way to bound everything: looking
up the name, the TLS handshake, a proxy, headers that never end, and a body that comes byte by byte.
"""

from __future__ import annotations

import ipaddress
import json
import math
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from ansible_collections.navercloud.nsml.plugins.plugin_utils import _threads
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import (
    CertificateError,
    ConfigurationError,
    ConnectionFailed,
    RequestError,
    ResponseError,
    TimeExceeded,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._faults import (
    classify,
    clock_skew,
    is_worth_retrying,
    pause_before,
    read_fault,
    readable,
    retry_after,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._signature import SignatureV2

try:
    import requests
except ImportError:
    HAS_REQUESTS = False
else:
    HAS_REQUESTS = True

if TYPE_CHECKING:
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._credentials import Credentials

# 50,000 nodes in one answer are some 35 MiB.
MAX_BODY = 64 * 1024 * 1024
_CHUNK = 64 * 1024

# What the vendor's support asks for (documented).
_SUPPORT_IDS = {"x-ncp-trace-id": "trace ID", "x-ncp-apigw-request-id": "request ID"}


class Deadline:
    """The moment by which all reading must be done.

    :param seconds: how long from now
    :param clock: a monotonic clock, in seconds
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def remaining(self) -> float:
        """Return the seconds that are left, zero or less when it is over."""
        return self._end - self._clock()


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
    """Sends requests and returns the JSON of their answers.

    :param url: the API's URL, with its service prefix
    :param timeout: seconds for one attempt, from looking up the name to the last byte
    :param retries: further attempts after the first
    :param connections: how many connections to keep, one for each thread that calls
    :param verify: False, True, or the path of a CA bundle
    :param now: seconds since the epoch; signs requests and is held against the service's clock
    :raises ConfigurationError: the requests library is missing, or the URL is not one to send keys to
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
    ) -> None:
        if not HAS_REQUESTS:
            raise ConfigurationError(
                "The Python library requests is missing. Install it for the Python that runs Ansible:"
                " python3 -m pip install requests"
            )
        self._url = check_url(url)
        self._credentials = credentials
        self._timeout = timeout
        self._retries = retries
        self._verify = verify
        self._now = now
        self._sleep = sleep
        self._rand = rand
        self._session = requests.Session()
        self._session.auth = SignatureV2(credentials, now)
        # Loopback in plain http never goes through a proxy, which would carry the keys off this machine.
        self._session.trust_env = self._url.startswith("https:")
        self._session.mount(self._url, requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=connections))
        self._count = threading.Lock()
        self.requests_made = 0

    def close(self) -> None:
        """Close the connections that are kept."""
        self._session.close()

    def get(self, request: Request, deadline: Deadline, *, patient: bool = True) -> Any:
        """Return the JSON value that the service answers.

        :param patient: try again after a fault that may pass
        :raises RequestError: its class says how it failed
        """
        attempt = 0
        while True:
            try:
                return self._attempt(request, deadline)
            except RequestError as error:
                if attempt:
                    error.note = f"Tried {attempt + 1} times."
                if not patient or attempt >= self._retries or not is_worth_retrying(error):
                    raise
                pause = pause_before(error, attempt, self._rand())
                left = deadline.remaining()
                if pause >= left:
                    error.note = (
                        f"The next try is due in {pause:.0f} s, but only {max(left, 0):.0f} s of the deadline of"
                        f" {deadline.seconds:g} s are left: try again later, or raise deadline."
                    )
                    raise
            self._sleep(pause)
            attempt += 1

    def _attempt(self, request: Request, deadline: Deadline) -> Any:
        seconds = min(self._timeout, deadline.remaining())
        where = self._where(request)
        if seconds > 0:
            with self._count:
                self.requests_made += 1
            try:
                return _threads.start(lambda: self._exchange(request, where, seconds), "nsml-exchange").result(seconds)
            except FutureTimeout:
                pass  # said below, without the exception that the thread may still come to
        if seconds < self._timeout:
            problem, advice = f"the deadline of {deadline.seconds:g} s is over.", "Raise deadline, or read fewer runs."
        else:
            problem, advice = f"no whole answer within {seconds:g} s.", "Check the network and api_url, or raise timeout."
        raise TimeExceeded(request.what, where, problem, advice)

    def _exchange(self, request: Request, where: str, seconds: float) -> Any:
        """Send one request and read its answer, on the thread of the attempt."""
        try:
            with self._session.get(
                self._target(request), timeout=seconds, verify=self._verify, allow_redirects=False, stream=True
            ) as response:
                body = self._body(response, request, where)
        except requests.exceptions.SSLError as error:
            raise CertificateError(
                request.what,
                where,
                f"TLS to {self._host()} failed: {self._clean(_root_cause(error))}.",
                "Check api_url; for a server with a CA of its own, name the CA's file in ca_path.",
            ) from None
        except requests.exceptions.Timeout:
            raise FutureTimeout from None
        except requests.exceptions.RequestException as error:
            raise ConnectionFailed(
                request.what,
                where,
                f"the connection to {self._host()} failed: {self._clean(_root_cause(error))}.",
                "Check the network, the proxy settings and api_url.",
            ) from None
        text = self._credentials.redact(body.decode("utf-8-sig", "replace"))
        if response.status_code != 200:
            raise self._status_error(response, text, request, where)
        try:
            return parse_json(text)
        except (ValueError, RecursionError):
            raise ResponseError(
                request.what,
                where,
                f'the answer is no JSON: "{readable(text)}".',
                "Check that api_url is the NSML API, and that no proxy or login page answers in its place.",
            ) from None

    def _body(self, response: requests.Response, request: Request, where: str) -> bytes:
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > MAX_BODY:
                raise ResponseError(
                    request.what,
                    where,
                    f"the answer is larger than {MAX_BODY // 1024**2} MiB.",
                    "Check that api_url is the NSML API, or lower page_size.",
                )
        return bytes(body)

    def _status_error(self, response: requests.Response, text: str, request: Request, where: str) -> RequestError:
        status = response.status_code
        headers = {name.lower(): self._clean(value) for name, value in response.headers.items()}
        if 300 <= status < 400:
            return ResponseError(
                request.what,
                where,
                f"HTTP {status}, a redirect to {headers.get('location', 'nowhere')}.",
                "Redirects are refused, since they would carry the keys elsewhere: check api_url.",
            )
        fault = read_fault(text)
        ids = "".join(f", {name} {headers[key]}" for key, name in _SUPPORT_IDS.items() if key in headers)
        kind, advice = classify(status, fault.code, clock_skew(headers.get("date", ""), self._now()))
        return kind(
            request.what,
            where,
            f"HTTP {status}{fault}{ids}.",
            advice,
            status=status,
            code=fault.code,
            retry_after=retry_after(headers.get("retry-after", ""), self._now()),
        )

    def _target(self, request: Request) -> str:
        return self._url + request.path + (f"?{urlencode(request.query)}" if request.query else "")

    def _where(self, request: Request) -> str:
        return "GET /" + self._target(request).split("/", 3)[3]

    def _host(self) -> str:
        return urlsplit(self._url).netloc

    def _clean(self, text: str) -> str:
        return readable(self._credentials.redact(text))


def check_url(url: str) -> str:
    """Return the API's URL without a slash at its end.

    :raises ConfigurationError: the URL is malformed, holds a login or a query, or is plain http to another machine
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not host or parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError(
            "api_url is not a URL such as https://nsml.apigw.ntruss.com/nsml/v1 (no user name, query or fragment)."
        )
    if parts.scheme == "http" and not _is_loopback(host):
        raise ConfigurationError(f"api_url is plain http to {host}, which would show the keys to the network. Use https.")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse_json(text: str) -> Any:
    """Parse JSON so that whatever it holds can be written again: as JSON, as UTF-8, in a terminal.

    NaN and Infinity, which are no JSON, become null; a number too long for Python stays a text; half of a surrogate pair
    becomes ``?``.

    :raises ValueError: this is no JSON
    :raises RecursionError: it is nested too deep
    """
    value = json.loads(text, parse_int=_int, parse_float=_float, parse_constant=lambda _name: None)
    if re.search(r"\\u[dD][89a-fA-F]", text):
        plain = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        return json.loads(plain, parse_int=_int)
    return value


def _int(digits: str) -> int | str:
    return int(digits) if len(digits) < 1000 else digits


def _float(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _root_cause(error: BaseException) -> str:
    """Return the words of the innermost error, without the library's wrapping and object addresses."""
    inner = getattr(error, "reason", None) or next((arg for arg in error.args if isinstance(arg, BaseException)), None)
    if isinstance(inner, BaseException):
        return _root_cause(inner)
    return re.sub(r"<[^>]*>:? ?", "", str(error)) or type(error).__name__
