# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests, the URL that keys may be sent to, and the gateway's signature v2."""

from __future__ import annotations

import pytest
import requests

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.credentials import Credentials
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.request import Request, SignatureV2, check_url, sign
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


@pytest.mark.parametrize(
    ("request_", "url"),
    [
        (Request("the projects", "/projects"), "/projects"),
        (Request("the projects", "/projects", {"page": 2}), "/projects?page=2"),
        (
            Request("the nodes", "/projects/a%2Fb/runs/2/nodes", {"page": 1, "pageSize": 10}),
            "/projects/a%2Fb/runs/2/nodes?page=1&pageSize=10",
        ),
    ],
)
def test_a_request_has_a_url_below_that_of_the_api_and_is_named_without_the_server(request_: Request, url: str) -> None:
    assert request_.url("https://nsml.example/nsml/v1") == f"https://nsml.example/nsml/v1{url}"
    assert request_.where("https://nsml.example/nsml/v1") == f"GET /nsml/v1{url}"


ACCESS_KEY = "testAccessKey0000000"
SECRET_KEY = "testSecretKey00000000000000000000000000"
API_KEY = "testApiKey000000000000000000000000000000"
TIMESTAMP = "1505290625682"

# Cross-checked with openssl; the vendor publishes none.
VECTORS = {
    "/photos/puppy.jpg?query1=&query2": "LFS4xFzr56PJJuclmvNzKwxfUoZeVuQMrxsklf6S1vo=",
    "/nsml/v1/projects?page=1&pageSize=10": "x+MBjWxP7HbwCyg/EO/FgCgCzzDibB3um00WLPRRSsA=",
    "/nsml/v1/projects/runs?page=1&pageSize=10": "3CACMcEw6rinQ158QWLw+8SItelrhdpAEFxKik80P9Q=",
    "/nsml/v1/projects/abc123ygz0iujnxyz/runs/2/nodes": "llc5svo5Rob2vWXDx+z1Y86yG8IkxCFiVmGlSKlwcYc=",
    "/nsml/v1/projects/abc123ygz0iujnxyz/runs/2/nodes?page=1&pageSize=100": "CTHdMCjBleiYRS0LlPhl3ypdNJrjx++eJ2zTYt0z1gc=",
}


@pytest.mark.parametrize(("path", "signature"), VECTORS.items())
def test_the_vectors_are_signed_as_openssl_signs_them(path: str, signature: str) -> None:
    assert sign("GET", path, TIMESTAMP, ACCESS_KEY, SECRET_KEY) == signature


@pytest.mark.parametrize(("path", "signature"), VECTORS.items())
def test_a_request_carries_the_five_headers_and_signs_its_path_as_sent(path: str, signature: str) -> None:
    auth = SignatureV2(Credentials(ACCESS_KEY, SECRET_KEY, API_KEY), lambda: 1505290625.6829)
    request = requests.Request("GET", "https://nsml.example" + path, auth=auth).prepare()
    assert dict(request.headers) == {
        "Content-Type": "application/json",
        "x-ncp-apigw-timestamp": TIMESTAMP,
        "x-ncp-iam-access-key": ACCESS_KEY,
        "x-ncp-apigw-api-key": API_KEY,
        "x-ncp-apigw-signature-v2": signature,
    }


@pytest.mark.parametrize("path", ["/a%20b", "/a b", "/run/한글", "/x?q=a+b&q=%2B", "/x?b=2&a=1"])
def test_the_path_that_is_signed_is_the_one_on_the_wire(path: str) -> None:
    auth = SignatureV2(Credentials(ACCESS_KEY, SECRET_KEY, API_KEY), lambda: 1505290625.682)
    request = requests.Request("GET", "https://nsml.example" + path, auth=auth).prepare()
    assert request.url is not None
    on_the_wire = request.url.removeprefix("https://nsml.example")
    assert request.headers["x-ncp-apigw-signature-v2"] == sign("GET", on_the_wire, TIMESTAMP, ACCESS_KEY, SECRET_KEY)


def test_each_request_is_signed_at_its_own_time() -> None:
    times = iter([1.0, 2.5])
    auth = SignatureV2(Credentials(ACCESS_KEY, SECRET_KEY, API_KEY), lambda: next(times))
    first, second = (requests.Request("GET", "https://nsml.example/x", auth=auth).prepare().headers for _time in range(2))
    assert (first["x-ncp-apigw-timestamp"], second["x-ncp-apigw-timestamp"]) == ("1000", "2500")
    assert first["x-ncp-apigw-signature-v2"] == sign("GET", "/x", "1000", ACCESS_KEY, SECRET_KEY)
    assert second["x-ncp-apigw-signature-v2"] == sign("GET", "/x", "2500", ACCESS_KEY, SECRET_KEY)
