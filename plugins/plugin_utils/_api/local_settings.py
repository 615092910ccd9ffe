# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find errors in this machine's settings for a proxy or certificates after a connection has failed. No value is ever quoted."""

from __future__ import annotations

import os
import re
import ssl
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

_PROXY_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_UNREAD_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")

# The names by which OpenSSL finds certificates in a directory.
_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.[0-9]+")


def proxy_fault(*, is_refused: bool) -> tuple[str, str] | None:
    """Return what is wrong with the proxy in the environment, and the remedy, None if nothing is found.

    :param is_refused: whether the library has refused the URL of the service or of the proxy
    """
    name = next((name for name in _PROXY_VARIABLES if os.environ.get(name)), None)
    if not name:
        return None
    value = os.environ[name]
    scheme = value.partition("://")[0].lower() if "://" in value else "http"
    if scheme not in _PROXY_SCHEMES:
        return f"the URL in '{name}' has an unknown scheme.", "Use http://, https:// or socks5h://."
    if scheme.startswith("socks") and find_spec("socks") is None:
        return f"'{name}' names a SOCKS proxy, which needs the Python library PySocks.", f"Run: {install('pysocks')}"
    if is_refused or _hides_login(value):
        return (
            f"the URL in '{name}' is invalid.",
            "Use http://user:password@host:port, and percent-encode special characters in the password ('@' as '%40').",
        )
    return None


def certificates_fault(ca_path: bool | str) -> tuple[str, str] | None:
    """Return what is wrong with the file or directory of trusted certificates, and the remedy, None if nothing is found.

    :param ca_path: the value of the option, or True if it is not set
    """
    if isinstance(ca_path, str):
        name, place = "ca_path", Path(ca_path)
    else:
        name = next((name for name in _BUNDLE_VARIABLES if os.environ.get(name)), "")
        if not name:
            return None
        place = Path(os.environ[name])
    try:
        if not place.exists():
            return f"'{name}' names a file that does not exist.", f"Correct or unset '{name}'."
        if not place.is_dir():
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(place)
        elif not any(_HASHED_NAME.fullmatch(entry.name) for entry in place.iterdir()):
            return (
                f"'{name}' names a directory without hashed certificates.",
                "Run 'openssl rehash' on the directory, or use a file.",
            )
    except OSError:  # ssl.SSLError is one
        return f"'{name}' names a file without a readable certificate.", "Use a file of certificates in PEM format."
    return None


def unread_variable(ca_path: bool | str) -> str | None:
    """Return the environment variable with certificates for other programs that requests does not read, None if it has no effect.

    :param ca_path: the value of the option, or a boolean if it is not set
    """
    if isinstance(ca_path, str) or any(os.environ.get(name) for name in _BUNDLE_VARIABLES):
        return None
    return next((name for name in _UNREAD_VARIABLES if os.environ.get(name)), None)


def install(library: str) -> str:
    """Return the command that installs a library for the Python that runs Ansible."""
    return f"{sys.executable} -m pip install {library}"


def _hides_login(url: str) -> bool:
    """Return whether a user name or password contains a character that ends the host for a URL parser."""
    rest = url.partition("://")[2] or url
    try:
        return "@" in rest[len(urlsplit(f"//{rest}").netloc) :]
    except ValueError:
        return True
