# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong, as a small tree.

    NsmlError
    ├── ConfigurationError          an option, a credential or a file is missing or wrong
    ├── SelectionError              the project or run that was asked for does not exist, or means several
    ├── WaitError                   what was waited for did not come, or will not come any more
    ├── NamingError                 two nodes or two groups would share one name, and strict is on
    ├── ExpressionError             an expression of the user cannot be evaluated
    └── RequestError                one exchange with the service failed
        ├── ConnectionFailed        no connection, or it broke before the answer was whole
        │   ├── CertificateError    the server's certificate is not trusted
        │   └── HostNotFound        there is no such name in DNS
        ├── TimeExceeded            the time limit of a request, or of all reading, is over
        ├── ResponseError           the answer is not what the API describes
        │   ├── NotJsonError        it cannot be parsed as JSON
        │   └── IncompleteError     the answers together cannot be proven to be the whole list
        └── StatusError             the service answered with an error
            ├── AuthenticationError 401: the keys, the signature or the clock
            ├── PermissionDenied    401 code 210, or 403: known, but not allowed
            ├── NotFoundError       404
            ├── RateLimitError      429: too many requests just now
            │   └── QuotaError      429 code 400: the quota is used up
            └── ServerError         5xx

Every message is written for the user: what failed, where, the service's own words, what to do next.
"""

from __future__ import annotations


class NsmlError(Exception):
    """Base of all errors that this collection raises on purpose; its message is meant for the user."""


class ConfigurationError(NsmlError):
    """An option, a credential or a file is missing or wrong."""


class SelectionError(NsmlError):
    """The project or run that was asked for does not exist, or a name means several."""


class WaitError(NsmlError):
    """What was waited for did not come in time, or will not come any more."""


class NamingError(NsmlError):
    """Two nodes or two groups would share one name, and ``strict`` is on."""


class ExpressionError(NsmlError):
    """An expression of the user cannot be evaluated."""


class RequestError(NsmlError):
    """One exchange with the service failed.

    :param what: what was being read, as in "the nodes of run 2 of project bert"
    :param where: method and path, as in "GET /nsml/v1/projects"
    :param problem: what happened, with the service's own words
    :param advice: what the user can do next, one sentence or more

    ``note`` says more about how it ended, as in "Tried 6 times."
    """

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
    """No connection was made, or it broke before the answer was whole."""


class CertificateError(ConnectionFailed):
    """The server's certificate is not trusted."""


class HostNotFound(ConnectionFailed):
    """The name of the service, or of a proxy, does not exist in DNS."""


class TimeExceeded(RequestError):
    """The time limit of one request, or of all reading together, is over."""


class ResponseError(RequestError):
    """The answer is not what the API describes."""


class NotJsonError(ResponseError):
    """The answer cannot be parsed as JSON."""


class IncompleteError(ResponseError):
    """The answers together cannot be proven to be the whole list."""


class StatusError(RequestError):
    """The service answered with an error.

    :param status: the HTTP status
    :param code: the gateway's own ``errorCode``, empty when it gave none
    :param retry_after: seconds that the service asks to wait, None when it does not say
    """

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


class AuthenticationError(StatusError):
    """401: the service does not accept the keys, the signature or the clock."""


class PermissionDenied(StatusError):
    """401 with code 210, or 403: the keys are known, but not allowed to do this."""


class NotFoundError(StatusError):
    """404: there is no such project, run or address."""


class RateLimitError(StatusError):
    """429: too many requests just now."""


class QuotaError(RateLimitError):
    """429 with code 400: the quota is used up, and waiting a little does not help."""


class ServerError(StatusError):
    """5xx: the service failed, or the gateway could not reach it."""
