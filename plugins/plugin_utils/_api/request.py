# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Represent a request, check the API's URL before keys are sent there, and sign a request with the gateway's signature v2."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode, urlsplit

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError

if TYPE_CHECKING:
    from requests import PreparedRequest

    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.credentials import Credentials

# URL parsers differ in how they interpret spaces and backslashes.
_UNFIT_IN_URL = re.compile(r"[\s\\?#]")

# Some versions of Python parse ::1 as the host of http://[::1]elsewhere/.
_IPV6_NETLOC = re.compile(r"\[[0-9A-Fa-f:.]+\](:[0-9]+)?")


class Request(NamedTuple):
    """One GET request.

    :param what: the list that it reads, in words for a message
    :param path: the path below the API's URL, with quoted segments
    :param query: the parameters, in the order in which they are sent
    """

    what: str
    path: str
    query: Mapping[str, int] = MappingProxyType({})

    def url(self, api_url: str) -> str:
        """Return the URL of the request."""
        return api_url + self.path + (f"?{urlencode(self.query)}" if self.query else "")

    def where(self, api_url: str) -> str:
        """Return method and path, for a message."""
        return "GET /" + self.url(api_url).split("/", 3)[3]


def check_url(url: str) -> str:
    """Return the API's URL without a trailing slash.

    :raises ConfigurationError: the URL is invalid, contains a user name or a query, or is plain http to another machine
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
        host.encode("idna")
        if "[" in parts.netloc and not _IPV6_NETLOC.fullmatch(parts.netloc):
            host = ""
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https") or parts.username is not None or _UNFIT_IN_URL.search(url):
        raise ConfigurationError(
            "Invalid URL in 'api_url'. Use a URL such as https://nsml.apigw.ntruss.com/nsml/v1, without a user name,"
            " a query or a fragment."
        )
    if parts.scheme == "http" and not _is_loopback(host):
        raise ConfigurationError(f"Refusing to send keys to {host} over plain HTTP. Use an https:// URL in 'api_url'.")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def sign(method: str, path: str, timestamp: str, access_key: str, secret_key: str) -> str:
    """Return the signature of one request, in standard Base64 (source: the vendor's SDKs).

    :param path: the path with its query, exactly as sent
    :param timestamp: milliseconds since the epoch, the same string as in the header
    """
    message = f"{method} {path}\n{timestamp}\n{access_key}"
    digest = hmac.new(secret_key.encode(), message.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


class SignatureV2:
    """An auth object for requests, which signs a request with the current time (headers: documented).

    :param now: returns the seconds since the epoch
    """

    def __init__(self, credentials: Credentials, now: Callable[[], float] = time.time) -> None:
        self._credentials = credentials
        self._now = now

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        keys = self._credentials
        timestamp = str(int(self._now() * 1000))
        request.headers.update(
            {
                "Content-Type": "application/json",
                "x-ncp-apigw-timestamp": timestamp,
                "x-ncp-iam-access-key": keys.access_key,
                "x-ncp-apigw-api-key": keys.api_key,
                "x-ncp-apigw-signature-v2": sign(
                    str(request.method), request.path_url, timestamp, keys.access_key, keys.secret_key
                ),
            }
        )
        return request
