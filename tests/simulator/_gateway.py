# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gateway in front of the service: authentication, and the format of its errors."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MAX_CLOCK_DIFFERENCE: Final = 300.0


@dataclass(frozen=True)
class Credentials:
    """The three keys that a client needs."""

    access_key: str
    secret_key: str
    api_key: str


class Refusal(Exception):
    """An error of the gateway, which replaces the answer of the service."""

    def __init__(self, status: int, code: str, message: str, details: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"errorCode": code, "message": message, "details": details}}


def bad_request(details: str) -> Refusal:
    """Return the error for an invalid request."""
    return Refusal(400, "100", "Bad Request Exception", details)


def unauthenticated(details: str) -> Refusal:
    """Return the error for a wrong key, signature or time."""
    return Refusal(401, "200", "Authentication Failed", details)


def not_found(details: str = "URL not found.") -> Refusal:
    """Return the error for an unknown URL."""
    return Refusal(404, "300", "Not Found Exception", details)


def method_not_allowed() -> Refusal:
    """Return the error for a URL that does not support the method."""
    return Refusal(405, "100", "Bad Request Exception", "Method not allowed.")


def sign(method: str, target: str, timestamp: str, access_key: str, secret_key: str) -> str:
    """Return the signature v2 of the method and the path with its query, exactly as sent."""
    message = f"{method} {target}\n{timestamp}\n{access_key}"
    return base64.b64encode(hmac.digest(secret_key.encode(), message.encode(), hashlib.sha256)).decode()


def check(method: str, target: str, headers: Mapping[str, str], credentials: Credentials, now: float) -> None:
    """Raise a refusal unless the five headers are present and correct. `now` is in seconds since the epoch."""
    timestamp = _header(headers, "x-ncp-apigw-timestamp")
    access_key = _header(headers, "x-ncp-iam-access-key")
    signature = _header(headers, "x-ncp-apigw-signature-v2")
    expected = sign(method, target, timestamp, credentials.access_key, credentials.secret_key)
    if access_key != credentials.access_key or not _same(signature, expected):
        raise unauthenticated("Invalid authentication information.")
    if not timestamp.isdecimal() or abs(int(timestamp) / 1000 - now) >= MAX_CLOCK_DIFFERENCE:
        raise unauthenticated("Expired timestamp.")
    if headers.get("x-ncp-apigw-api-key") != credentials.api_key:
        raise Refusal(401, "210", "Permission Denied", "A subscription to the API is required.")
    if headers.get("Content-Type") != "application/json":
        raise bad_request("Content-Type must be application/json.")


def _header(headers: Mapping[str, str], name: str) -> str:
    if name not in headers:
        raise unauthenticated("Authentication information are missing.")
    return headers[name]


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
