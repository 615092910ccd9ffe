# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exceptions of this collection.

    NsmlError
    ├── ConfigurationError          an option, a credential or a file is missing or wrong
    ├── SelectionError              a chosen project or run does not exist, or a name is ambiguous
    ├── WaitError                   the nodes did not become ready in time, or cannot become ready
    ├── NamingError                 two nodes or two groups would share one name, and strict is on
    ├── ExpressionError             an expression of the user cannot be evaluated
    └── RequestError                one exchange with the service failed
        ├── ConnectionFailed        no connection, or it broke before the response was complete
        │   ├── CertificateError    the server's certificate is not trusted
        │   └── HostNotFound        the name does not exist in DNS
        ├── TimeExceeded            the time limit of a request or of a reading is over
        ├── ResponseError           the response does not match the API reference
        │   ├── NotJsonError        the response cannot be parsed as JSON
        │   └── IncompleteError     the list cannot be proven complete
        └── StatusError             the service responded with an error
            ├── AuthenticationError 401: the keys, the signature or the clock
            ├── PermissionDenied    401 code 210, or 403: the keys have no permission
            ├── NotFoundError       404
            ├── RateLimitError      429: too many requests
            │   └── QuotaError      429 code 400: the quota is used up
            └── ServerError         5xx

Every message is for the user: what failed, where, the service's own message, and what to do next.
"""

from __future__ import annotations

# The status of an error in a body with status 200 whose code is the service's own, so that it may mean anything.
OWN_CODE = 200


class NsmlError(Exception):
    """Base class of all errors of this collection. The message is for the user."""


class ConfigurationError(NsmlError):
    """An option, a credential or a file is missing or wrong."""


class SelectionError(NsmlError):
    """A chosen project or run does not exist, or a name is ambiguous."""


class WaitError(NsmlError):
    """The nodes did not become ready in time, or cannot become ready."""


class NamingError(NsmlError):
    """Two nodes or two groups would share one name, and ``strict`` is on."""


class ExpressionError(NsmlError):
    """An expression of the user cannot be evaluated."""


class RequestError(NsmlError):
    """One exchange with the service failed.

    :param what: the list that was read, for example "the nodes of run 2 of project bert"
    :param where: method and path, for example "GET /nsml/v1/projects"
    :param problem: what happened, with the service's own message
    :param advice: what the user can do next, one sentence or more

    ``note`` is an additional sentence, for example "Tried 6 times." ``outcome`` is the outcome of the attempt in a few words, and
    ``may_pass`` is whether a later attempt may succeed.
    """

    outcome = "unusable response"
    may_pass = False

    def __init__(self, what: str, where: str, problem: str, advice: str) -> None:
        super().__init__(what, where, problem, advice)
        self.what = what
        self.where = where
        self.problem = problem
        self.advice = advice
        self.note = ""

    def __str__(self) -> str:
        return f"Cannot read {self.what}: {self.where}: {self.problem} {self.advice} {self.note}".rstrip()


class ConnectionFailed(RequestError):
    """There was no connection, or it broke before the response was complete."""

    outcome = "connection failed"
    may_pass = True


class CertificateError(ConnectionFailed):
    """The server's certificate is not trusted."""

    outcome = "certificate not trusted"
    may_pass = False


class HostNotFound(ConnectionFailed):
    """The name of the service, or of a proxy, does not exist in DNS."""

    outcome = "host name not found"


class TimeExceeded(RequestError):
    """The time limit of a request or of a reading is over."""

    outcome = "timed out"
    may_pass = True


class ResponseError(RequestError):
    """The response does not match the API reference."""


class NotJsonError(ResponseError):
    """The response cannot be parsed as JSON."""


class IncompleteError(ResponseError):
    """The list cannot be proven complete."""


class StatusError(RequestError):
    """The service responded with an error.

    :param status: the HTTP status
    :param code: the ``errorCode`` of the gateway, or the code of the service, empty if there is none
    :param retry_after: the number of seconds that the service asks to wait, None if it does not
    """

    # The statuses after which a later attempt may succeed.
    passing: frozenset[int] = frozenset({429, 500, 502, 503, 504})

    def __init__(
        self,
        what: str,
        where: str,
        problem: str,
        advice: str,
        *,
        status: int,
        code: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(what, where, problem, advice)
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.outcome = f"{status}, code {code}" if code else str(status)
        self.may_pass = status in self.passing


class AuthenticationError(StatusError):
    """401: the service does not accept the keys, the signature or the clock."""


class PermissionDenied(StatusError):
    """401 with code 210, or 403: the keys have no permission."""


class NotFoundError(StatusError):
    """404: the project, run or address does not exist."""


class RateLimitError(StatusError):
    """429: too many requests."""


class QuotaError(RateLimitError):
    """429 with code 400: the quota is used up, and a short wait does not help."""

    passing = frozenset()


class ServerError(StatusError):
    """5xx: the service failed, or the gateway could not reach it."""
