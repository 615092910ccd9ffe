# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The URL that keys may be sent to."""

from __future__ import annotations

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.url import check_url
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nsml.example/v1",
        "//nsml.example",
        "https://",
        "https:///v1",
        "ftp://nsml.example",
        "file:///etc/passwd",
        "https://user:password@nsml.example",
        "https://@nsml.example",
        "https://nsml.example/?x=1",
        "https://nsml.example/v1?",
        "https://nsml.example/#x",
        "https://nsml.example/v1#",
        "https://nsml.example:port",
        "https://nsml.example:99999",
        "https://[::1",
        "https://nsml example",
        "https://nsml.example/a\nb",
        "http://local\thost",
        "http://127.0.0.1\\@nsml.example",
        "https://nsml.example\\.other.example",
        "https://nsml..example",
        "https://" + "a" * 64 + ".example",
    ],
)
def test_what_is_no_plain_url_is_refused_unseen(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^Invalid URL in 'api_url'\. Use a URL such as https://nsml\.apigw") as caught:
        check_url(url)
    assert "password" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "nsml.example",
        "localhost.example",
        "127.0.0.1.example",
        "10.0.0.1",
        "0.0.0.0",
        "127.1",
        "[::2]",
        "2130706433",
        "localhost.",
    ],
)
def test_plain_http_is_refused_but_to_loopback(host: str) -> None:
    for scheme in ("http", "HTTP"):
        with pytest.raises(ConfigurationError, match=r"keys to .* over plain HTTP\. Use an https:// URL"):
            check_url(f"{scheme}://{host}:80/v1")
    assert check_url(f"https://{host}/v1") == f"https://{host}/v1"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "LOCALHOST", "[::1]"])
def test_plain_http_to_loopback_is_taken_and_slashes_at_the_end_are_not(host: str) -> None:
    assert check_url(f"http://{host}:8080/v1//") == f"http://{host}:8080/v1"


@pytest.mark.parametrize("host", ["[::1]elsewhere.example", "elsewhere.example[::1]", "[::1%elsewhere]", "[::1%e]"])
def test_brackets_never_hide_another_machine(host: str) -> None:
    for scheme in ("http", "https"):
        with pytest.raises(ConfigurationError):
            check_url(f"{scheme}://{host}/v1")
