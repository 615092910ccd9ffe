# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check the API's URL before keys are sent there."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError

# URL parsers differ in how they interpret spaces and backslashes.
_UNFIT_IN_URL = re.compile(r"[\s\\?#]")

# Some versions of Python parse ::1 as the host of http://[::1]elsewhere/.
_IPV6_NETLOC = re.compile(r"\[[0-9A-Fa-f:.]+\](:[0-9]+)?")


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
