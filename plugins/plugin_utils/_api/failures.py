# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the error for a failed exchange: its class, what happened in the service's own words, and the advice for the user."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.body import is_framed
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.error_body import Fault, read_fault
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.local_settings import (
    certificates_fault,
    install,
    proxy_fault,
    unread_variable,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import (
    AuthenticationError,
    CertificateError,
    ConfigurationError,
    ConnectionFailed,
    HostNotFound,
    NotFoundError,
    NotJsonError,
    NsmlError,
    PermissionDenied,
    QuotaError,
    RateLimitError,
    RequestError,
    ResponseError,
    ServerError,
    StatusError,
    TimeExceeded,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import readable, readable_body

try:
    from requests import exceptions
    from urllib3.exceptions import ReadTimeoutError
except (ImportError, AttributeError):  # reported when a transport is created
    pass

if TYPE_CHECKING:
    import requests

    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.credentials import Credentials
    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.request import Request

_UNKNOWN_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))

# The TLS errors of a connection that is cut.
_TLS_CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError)

# The headers with IDs for the vendor's support (documented).
_SUPPORT_IDS = {"x-ncp-trace-id": "trace ID", "x-ncp-apigw-request-id": "request ID"}

# Seconds. The gateway refuses a timestamp that differs by five minutes or more (documented for related services).
_CLOCK_TOLERANCE = 300

_KINDS: dict[tuple[int, str | None], tuple[type[StatusError], str]] = {
    (401, "210"): (PermissionDenied, "Check that 'api_key' belongs to a subscription to the NSML API."),
    (401, None): (AuthenticationError, "Check 'access_key', 'secret_key' and 'api_key', and check the clock of this machine."),
    (403, None): (PermissionDenied, "Ask the owner of the account to allow these keys to read NSML projects."),
    (404, None): (NotFoundError, "Check 'project' and 'run', and check that 'api_url' ends in /nsml/v1."),
    (429, "400"): (
        QuotaError,
        "The quota is used up. Increase the quota in the API Gateway console, or wait for the next quota period.",
    ),
    (429, None): (RateLimitError, "Decrease 'concurrency', or try again later."),
}
_SERVER_FAULT = (
    ServerError,
    "The service failed. Try again later. If the error persists, send this message to the vendor's support.",
)
_UNEXPECTED = (
    StatusError,
    "Check the options. If they are correct, the API differs from its reference: report this message as an issue.",
)


class Failures:
    """Makes the errors of the exchanges with one service.

    :param verify: False, True, or the path of a CA bundle
    :param trust_env: whether proxies and certificates in the environment have an effect
    :param now: returns the seconds since the epoch, to compare with the service's clock
    """

    def __init__(
        self, api_url: str, credentials: Credentials, *, verify: bool | str, trust_env: bool, now: Callable[[], float]
    ) -> None:
        self._api_url = api_url
        self._host = urlsplit(api_url).netloc
        self._credentials = credentials
        self._verify = verify
        self._trust_env = trust_env
        self._now = now

    def timeout(self, request: Request, seconds: float) -> RequestError:
        """Return the error for a response that was not complete within ``timeout``, a number of seconds."""
        problem = f"no complete response within {seconds:g} s ('timeout')."
        return self._error(TimeExceeded, request, problem, "Check the network and 'api_url', or increase 'timeout'.")

    def deadline(self, request: Request, problem: str, advice: str) -> RequestError:
        """Return the error for a deadline that has passed.

        :param problem: what happened before
        """
        return self._error(TimeExceeded, request, problem, advice)

    def connection(self, error: Exception, request: Request) -> NsmlError | TimeoutError:
        """Return the error for a connection that failed, or broke before the response was complete.

        It is a TimeoutError if no data arrived in time, and a ConfigurationError if a setting of this machine is the reason.
        """
        # In a body, requests may report a timeout as a broken connection.
        if isinstance(error, exceptions.Timeout) or isinstance(_root_cause(error), ReadTimeoutError):
            return TimeoutError()
        if fault := self._settings_fault(error):
            return ConfigurationError(f"Cannot connect to {self._host}: {' '.join(fault)}")
        cause = _root_cause(error)
        words = self._clean(_words(cause)).rstrip(".")
        kind = HostNotFound if _is_unknown_name(cause) else ConnectionFailed
        if isinstance(error, exceptions.ProxyError):
            problem = f"the proxy for {self._host} failed: {words}."
            return self._error(kind, request, problem, "Check the proxy settings in the environment.")
        if isinstance(error, exceptions.SSLError) and not isinstance(cause, _TLS_CUT):
            problem = f"the TLS connection to {self._host} failed: {words}."
            advice = "Check 'api_url'. To trust your own CA, set 'ca_path' to the file of the CA."
            if variable := unread_variable(self._verify):
                advice += f" '{variable}' is set, but the Python library requests does not read this variable."
            return self._error(CertificateError, request, problem, advice)
        problem = f"the connection to {self._host} failed: {words}."
        return self._error(kind, request, problem, "Check the network, the proxy settings and 'api_url'.")

    def _settings_fault(self, error: Exception) -> tuple[str, str] | None:
        """Return what is wrong with this machine's settings, and the remedy, None if the error has another reason."""
        if not self._trust_env:
            return None
        is_refused = isinstance(error, (exceptions.InvalidURL, exceptions.InvalidSchema)) or (
            isinstance(error, ValueError) and not isinstance(error, exceptions.RequestException)
        )
        if is_refused:
            unusable = "the URL in 'api_url' or the URL of the proxy is invalid.", "Check both URLs."
            return proxy_fault(is_refused=True) or unusable
        if isinstance(error, exceptions.ProxyError):
            return proxy_fault(is_refused=False)
        if self._verify and (isinstance(error, exceptions.SSLError) or not isinstance(error, exceptions.RequestException)):
            return certificates_fault(self._verify)
        return None

    def status(self, response: requests.Response, text: str, request: Request) -> RequestError:
        """Return the error for a response whose status is not 200.

        :param text: the body of the response
        """
        status, headers, ids = response.status_code, response.headers, self._ids(response)
        if 300 <= status < 400:
            problem = f"HTTP {status}, a redirect to {self._clean(headers.get('Location', 'an unknown location'))}{ids}."
            advice = "The plugin does not follow redirects, because they would send the keys to another server. Check 'api_url'."
            return self._error(ResponseError, request, problem, advice)
        fault = read_fault(text, self._credentials.redact)
        return self._fault_error(response, request, fault, status, f"HTTP {status}")

    def body(self, response: requests.Response, fault: Fault, request: Request) -> RequestError:
        """Return the error for a response with status 200 whose body describes an error."""
        return self._fault_error(response, request, fault, fault.status or 200, "HTTP 200 with an error in its body")

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
            request.where(self._api_url),
            f"{problem}{fault}{self._ids(response)}.",
            advice,
            status=status,
            code=fault.code,
            retry_after=retry_after(headers.get("Retry-After", ""), self._now()),
        )

    def not_json(self, response: requests.Response, text: str, request: Request) -> RequestError:
        """Return the error for a response that cannot be parsed as JSON.

        :param text: the body of the response
        """
        answer = f'"{self._clean(text)}"{self._ids(response)}'
        if _may_be_cut(response, text):
            problem = f"the response is incomplete or is not JSON: {answer}."
            return self._error(ConnectionFailed, request, problem, "Check the network, the proxy settings and 'api_url'.")
        problem = f"the response is not usable JSON: {answer}."
        advice = "Check that 'api_url' is the URL of the NSML API, and that no proxy or login page responds instead."
        return self._error(NotJsonError, request, problem, advice)

    def too_large(self, response: requests.Response, request: Request, words: str) -> RequestError:
        """Return the error for a response that is too large.

        :param words: the end of the sentence "the response ..."
        """
        advice = "Check that 'api_url' is the URL of the NSML API, or decrease 'page_size'."
        return self._error(ResponseError, request, f"the response {words}{self._ids(response)}.", advice)

    def coding(self, response: requests.Response, request: Request, coding: str) -> RequestError:
        """Return the error for a Content-Encoding that was not requested."""
        problem = f"the response has the unexpected Content-Encoding '{self._clean(coding)}'{self._ids(response)}."
        advice = "Check that 'api_url' is the URL of the NSML API, and that no proxy compresses the responses."
        return self._error(ResponseError, request, problem, advice)

    def _error(self, kind: type[RequestError], request: Request, problem: str, advice: str) -> RequestError:
        return kind(request.what, request.where(self._api_url), problem, advice)

    def _ids(self, response: requests.Response) -> str:
        """Return the IDs of a response for the vendor's support, in words."""
        headers = response.headers
        return "".join(f", {name} {self._clean(headers[key])}" for key, name in _SUPPORT_IDS.items() if key in headers)

    def _clean(self, text: str) -> str:
        return readable_body(text, self._credentials.redact)


def classify(status: int, code: str, skew: float | None) -> tuple[type[StatusError], str]:
    """Return the error class of a status and a code, and the advice for the user (codes: documented).

    :param skew: the number of seconds by which this machine's clock is ahead of the service's, None if it is not known
    """
    if status == 401 and skew is not None and abs(skew) >= _CLOCK_TOLERANCE:
        return AuthenticationError, (
            f"The clock of this machine is {abs(skew) / 60:.0f} minutes {'ahead of' if skew > 0 else 'behind'} the clock of the"
            " service, and a signature is valid for less than 5 minutes. Set the clock of this machine."
        )
    anything_else = _SERVER_FAULT if status >= 500 else _UNEXPECTED
    return _KINDS.get((status, code)) or _KINDS.get((status, None)) or anything_else


def clock_skew(date: str, now: float) -> float | None:
    """Return the number of seconds by which ``now`` is ahead of a Date header, None if the header is not a date."""
    try:
        return now - _timestamp(date)
    except (ValueError, TypeError, OverflowError):
        return None


def retry_after(value: str, now: float) -> float | None:
    """Return the number of seconds that a Retry-After header asks to wait, None if it is invalid.

    :param value: a number of seconds, or a date (RFC 9110)
    :param now: seconds since the epoch
    """
    try:
        seconds = float(value) if re.fullmatch(r"\s*\d+(\.\d*)?\s*", value) else _timestamp(value) - now
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, seconds)


def _timestamp(date: str) -> float:
    moment = parsedate_to_datetime(date)
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def library_error(error: Exception) -> ConfigurationError:
    """Return the error for the library requests, which is missing or cannot be loaded."""
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
    return not is_framed(response.headers) and text.lstrip()[:1] in ("", "{", "[")


def _root_cause(error: BaseException) -> BaseException:
    """Return the innermost of the errors that the libraries wrap in each other."""
    inner = getattr(error, "reason", None)
    if not isinstance(inner, BaseException):
        inner = next((arg for arg in error.args if isinstance(arg, BaseException)), None)
    return _root_cause(inner) if inner else error


def _words(error: BaseException) -> str:
    """Return the message of an error without the addresses of objects, or the name of its class if it has no message."""
    return re.sub(r"<[^>]*>:? ?|^HTTPS?Connection(Pool)?\([^)]*\): ", "", str(error)) or type(error).__name__
