# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sign a request with the gateway's signature v2."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from requests import PreparedRequest

    from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.credentials import Credentials


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
