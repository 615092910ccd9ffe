# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One exchange with the service, against servers that do what no server should."""

from __future__ import annotations

import _thread
import base64
import gzip
import json
import logging
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timezone
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
import responses
import trustme
from urllib3.exceptions import InsecureRequestWarning

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api import transport as _transport
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.credentials import Credentials
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.request import Request, sign
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.threads import Task, side_by_side
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.transport import Deadline, Transport
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import (
    AuthenticationError,
    CertificateError,
    ConfigurationError,
    ConnectionFailed,
    HostNotFound,
    NotFoundError,
    NotJsonError,
    PermissionDenied,
    QuotaError,
    RateLimitError,
    RequestError,
    ResponseError,
    ServerError,
    StatusError,
    TimeExceeded,
)
from ansible_collections.navercloud.nsml.tests.ports import reserved_port
from ansible_collections.navercloud.nsml.tests.unit.inventory import rows
from ansible_collections.navercloud.nsml.tests.unit.servers import (
    Server,
    cut,
    hangs,
    message,
    read_head,
    repeats,
    sends,
    sends_and_cuts,
)

NOW = 1_700_000_000.0
URL = "https://nsml.example/nsml/v1"
SECRET_KEY = "the+Secret/Key=of~40~characters~0000000"
API_KEY = "theApiKey/of+40=characters~0000000000000"
CREDENTIALS = Credentials("theAccessKey00000000", SECRET_KEY, API_KEY)
REQUEST = Request("the projects", "/projects", {"page": 1, "pageSize": 10})
WAIT_SECONDS = 20.0  # much longer than anything takes here, and shorter than what would end by itself
WHERE = "Cannot read the projects: GET /nsml/v1/projects?page=1&pageSize=10: "


class Clock:
    """Time that only passes while someone sleeps."""

    def __init__(self) -> None:
        self.time = NOW
        self.pauses: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def transport(url: str, clock: Clock, **options: Any) -> Transport:
    values: dict[str, Any] = {"timeout": 30, "retries": 0, "connections": 1, "now": clock.now, "sleep": clock.sleep}
    return Transport(url, CREDENTIALS, **{**values, "rand": lambda: 1.0, **options})


def get(url: str, clock: Clock, *, deadline: float = 60, probe: bool = False, **options: Any) -> Any:
    sender = transport(url, clock, **options)
    try:
        return sender.get(REQUEST, Deadline(deadline, clock.now), probe=probe)
    finally:
        sender.close()


def fails(kind: type[RequestError], url: str, clock: Clock, **options: Any) -> str:
    with pytest.raises(RequestError) as caught:
        get(url, clock, **options)
    assert caught.type is kind, caught.value
    assert str(caught.value).startswith(WHERE)
    return str(caught.value)


def answer(web: responses.RequestsMock, status: int, body: str | bytes = "", **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    web.get(URL + "/projects", body=body, status=status, headers=named)


def gateway(code: object = None, words: object = None, details: object = None) -> str:
    return json.dumps({"error": {"errorCode": code, "message": words, "details": details}})


# What is sent


def test_path_query_and_signature_are_one_text(web: responses.RequestsMock, clock: Clock) -> None:
    answer(web, 200, '{"projects": []}')
    assert get(URL + "/", clock) == {"projects": []}
    request = web.calls[0].request
    assert request.url == f"{URL}/projects?page=1&pageSize=10"
    stamp = str(int(NOW * 1000))
    assert request.headers["x-ncp-apigw-timestamp"] == stamp
    assert request.headers["x-ncp-apigw-signature-v2"] == sign(
        "GET", "/nsml/v1/projects?page=1&pageSize=10", stamp, CREDENTIALS.access_key, SECRET_KEY
    )


def test_a_request_without_a_query_is_its_path_alone(web: responses.RequestsMock, clock: Clock) -> None:
    answer(web, 200, "{}")
    transport(URL, clock).get(Request("the projects", "/projects"), Deadline(60, clock.now))
    assert web.calls[0].request.url == f"{URL}/projects"


def test_every_attempt_is_counted(web: responses.RequestsMock, clock: Clock) -> None:
    sender = transport(URL, clock, retries=5)
    for status in (503, 503, 200):
        answer(web, status, "{}")
    sender.get(REQUEST, Deadline(60, clock.now))
    assert sender.requests_made == 3


def test_every_attempt_is_signed_anew(web: responses.RequestsMock, clock: Clock) -> None:
    answer(web, 503)
    answer(web, 503)
    answer(web, 200, "{}")
    get(URL, clock, retries=5)
    stamps = [call.request.headers["x-ncp-apigw-timestamp"] for call in web.calls]
    assert stamps == [str(int((NOW + seconds) * 1000)) for seconds in (0, 0.5, 1.5)]
    assert len({call.request.headers["x-ncp-apigw-signature-v2"] for call in web.calls}) == 3


def test_netrc_neither_adds_nor_replaces_credentials(
    web: responses.RequestsMock, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine nsml.example login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    answer(web, 200, "{}")
    get(URL, clock)
    assert "Authorization" not in web.calls[0].request.headers
    assert web.calls[0].request.headers["x-ncp-apigw-api-key"] == API_KEY


def test_a_servers_cookies_are_not_kept(clock: Clock) -> None:
    with Server(sends(message("{}", 200, "Set-Cookie: mark=1"))) as server:
        sender = transport(server.url, clock)
        for _time in range(2):
            sender.get(REQUEST, Deadline(9))
        assert len(server.requests) == 2
        assert not any(b"cookie" in head.lower() for head in server.requests)


# Statuses


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "100", StatusError),
        (401, "200", AuthenticationError),
        (401, "210", PermissionDenied),
        (403, "230", PermissionDenied),
        (404, "300", NotFoundError),
        (406, "", StatusError),
        (413, "430", StatusError),
        (429, "400", QuotaError),
        (429, "410", RateLimitError),
        (429, "420", RateLimitError),
        (500, "900", ServerError),
        (503, "500", ServerError),
        (504, "510", ServerError),
    ],
)
@pytest.mark.parametrize("number", [False, True])
def test_each_outcome_has_its_class_words_code_ids_and_advice(  # noqa: PLR0917
    web: responses.RequestsMock, clock: Clock, status: int, code: str, kind: type[StatusError], number: bool
) -> None:
    body = gateway(int(code) if number and code else code, "The <b>gateway's</b>\nwords", "its details")
    answer(web, status, body, x_ncp_trace_id="trace-1", x_ncp_apigw_request_id="request-2")
    with pytest.raises(StatusError) as caught:
        get(URL, clock)
    assert caught.type is kind
    assert (caught.value.status, caught.value.code) == (status, code)
    shown = f", code {code}" if code else ""
    problem = f'HTTP {status}{shown}: "The gateway\'s words" (its details), trace ID trace-1, request ID request-2. '
    assert str(caught.value).startswith(WHERE + problem)
    assert str(caught.value).removeprefix(WHERE + problem) == caught.value.advice


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "HTTP 500. "),
        ("<html><body>Bad\x00 Gateway</body></html>", 'HTTP 500: "Bad Gateway". '),
        (b"\xff\xfe", 'HTTP 500: "\ufffd\ufffd". '),
        (gateway(900, "No"), 'HTTP 500, code 900: "No". '),
        ("x" * 100_000, f'HTTP 500: "{"x" * 300}...". '),
        ("[" * 100_000, f'HTTP 500: "{"[" * 300}...". '),
        (gateway(words="9" * 5000), f'HTTP 500: "{"9" * 300}...". '),
        ('{"error": {"errorCode": ' + "9" * 5000 + "}}", 'HTTP 500: "{"error": {"errorCode": 999'),
    ],
)
def test_an_error_body_of_any_kind_becomes_a_readable_line(
    web: responses.RequestsMock, clock: Clock, body: str | bytes, words: str
) -> None:
    answer(web, 500, body)
    text = fails(ServerError, URL, clock)
    if not words.endswith("999"):  # some Pythons take 5000 digits, some do not
        assert text.startswith(WHERE + words)
    assert len(text) < 700


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (
            gateway("210", "Denied", "Why"),
            PermissionDenied,
            ", code 210: \"Denied\" (Why), trace ID trace-1. Check that 'api_key'",
        ),
        (gateway(200, "Failed"), AuthenticationError, ", code 200: \"Failed\", trace ID trace-1. Check 'access_key'"),
        ('{"returnCode": "1300", "returnMessage": "No"}', StatusError, ', code 1300: "No", trace ID trace-1. Check the options'),
        ('{"error": "No"}', StatusError, ': "No", trace ID trace-1. Check the options'),
    ],
)
def test_error_in_an_answer_of_200_is_reported_in_its_words(
    web: responses.RequestsMock, clock: Clock, body: str, kind: type[StatusError], words: str
) -> None:
    answer(web, 200, body, x_ncp_trace_id="trace-1")
    assert fails(kind, URL, clock, retries=5).startswith(f"{WHERE}HTTP 200 with an error in its body{words}")
    assert len(web.calls) == 1


@pytest.mark.parametrize("body", [gateway("500", "Endpoint Error"), '{"code": 503, "message": "No"}'])
def test_error_that_may_pass_in_an_answer_of_200_is_retried(web: responses.RequestsMock, clock: Clock, body: str) -> None:
    answer(web, 200, body)
    answer(web, 200, "1")
    assert get(URL, clock, retries=1) == 1


@pytest.mark.parametrize(("minutes", "words"), [(7, "7 minutes ahead of"), (-9 * 60, "540 minutes behind")])
def test_a_wrong_clock_is_named_with_the_minutes(web: responses.RequestsMock, clock: Clock, minutes: int, words: str) -> None:
    answer(web, 401, gateway(200, "Authentication Failed"), Date=formatdate(NOW - minutes * 60, usegmt=True))
    text = fails(AuthenticationError, URL, clock)
    assert f"clock of this machine is {words} the clock of the service" in text


@pytest.mark.parametrize(
    "location", ["https://evil.example/x", "http://127.0.0.1/", "//evil.example", "/x", "\x1b[2J", "http://[", ""]
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_with_its_target_named(clock: Clock, location: str, status: int) -> None:
    with Server(sends(message("{}", status, f"Location: {location}"))) as server:
        text = fails(ResponseError, server.url, clock, retries=3)
        assert len(server.requests) == 1
    assert f"HTTP {status}, a redirect to {location.lstrip(chr(27))}" in text
    assert text.endswith(" they would send the keys to another server. Check 'api_url'.")
    assert text.isprintable()


@pytest.mark.parametrize("status", [300, 399])
def test_a_redirect_to_nowhere_is_one_too(clock: Clock, status: int) -> None:
    with Server(sends(message("{}", status))) as server:
        assert f"HTTP {status}, a redirect to an unknown location. The" in fails(ResponseError, server.url, clock)


def test_nothing_is_sent_to_a_redirects_target(clock: Clock) -> None:
    with Server(sends(message())) as target, Server(sends(message("{}", 302, f"Location: {target.url}"))) as server:
        assert target.url in fails(ResponseError, server.url, clock)
        assert target.connections == 0


def test_a_redirects_endless_body_is_not_read(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_transport, "MAX_BODY", 1_000_000)
    with Server(repeats(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", b"x" * 65536)) as server:
        assert "larger than" in fails(ResponseError, server.url, clock)


@pytest.mark.parametrize("empty", [message("", 204, length=False), message("", 204), message(""), message(" \r\n")])
def test_an_answer_without_a_body_is_none(clock: Clock, empty: bytes) -> None:
    with Server(sends(empty)) as server:
        assert get(server.url, clock, retries=0) is None


# Retries


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_status_that_may_pass_is_retried_with_growing_pauses(web: responses.RequestsMock, clock: Clock, status: int) -> None:
    for _time in range(7):
        answer(web, status)
    answer(web, 200, "[1]")
    assert get(URL, clock, retries=7) == [1]
    assert clock.pauses == [0.5, 1, 2, 4, 8, 15, 15]


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_the_jitter_that_is_handed_in_decides_the_pause(web: responses.RequestsMock, clock: Clock, jitter: float) -> None:
    answer(web, 503)
    answer(web, 200, "1")
    get(URL, clock, retries=1, rand=lambda: jitter)
    assert clock.pauses == [0.25 + jitter / 4]


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_retries_end_and_the_error_counts_them(web: responses.RequestsMock, clock: Clock, retries: int) -> None:
    answer(web, 503)
    text = fails(ServerError, URL, clock, retries=retries)
    assert len(web.calls) == retries + 1
    assert ("Tried" in text) == bool(retries)
    assert not retries or text.endswith(f"Tried {retries + 1} times.")


@pytest.mark.parametrize("status", [201, 400, 401, 403, 404, 406, 409, 413, 501])
def test_a_status_that_stays_is_not_retried(web: responses.RequestsMock, clock: Clock, status: int) -> None:
    answer(web, status)
    with pytest.raises(StatusError):
        get(URL, clock, retries=5)
    assert len(web.calls) == 1


def test_a_quota_is_not_retried_even_with_a_retry_after(web: responses.RequestsMock, clock: Clock) -> None:
    answer(web, 429, gateway(400, "Quota Exceeded"), Retry_After="1")
    assert "Quota Exceeded" in fails(QuotaError, URL, clock, retries=5)
    assert len(web.calls) == 1


def test_500_answered_to_a_probe_is_retried_twice_with_short_pauses(web: responses.RequestsMock, clock: Clock) -> None:
    answer(web, 500)
    text = fails(ServerError, URL, clock, retries=9, probe=True)
    assert text.endswith("Tried 3 times.")
    assert clock.pauses == [0.5, 1]


@pytest.mark.parametrize("retries", [0, 1])
def test_500_answered_to_a_probe_is_retried_no_more_than_the_option_allows(
    web: responses.RequestsMock, clock: Clock, retries: int
) -> None:
    answer(web, 500)
    fails(ServerError, URL, clock, retries=retries, probe=True)
    assert len(web.calls) == retries + 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_no_answer_to_a_probe_gets_the_usual_tries(web: responses.RequestsMock, clock: Clock, status: int) -> None:
    answer(web, 500)
    for _time in range(4):
        answer(web, status)
    answer(web, 200, "1")
    assert get(URL, clock, retries=5, probe=True) == 1


@pytest.mark.parametrize("value", ["7", formatdate(NOW + 7, usegmt=True)])
def test_a_retry_after_is_obeyed(web: responses.RequestsMock, clock: Clock, value: str) -> None:
    answer(web, 429, Retry_After=value)
    answer(web, 200, "1")
    assert get(URL, clock, retries=1) == 1
    assert clock.pauses == [7]


@pytest.mark.parametrize("value", ["3600", formatdate(NOW + 3600, usegmt=True)])
def test_a_retry_after_beyond_the_deadline_fails_at_once_with_the_reason(
    web: responses.RequestsMock, clock: Clock, value: str
) -> None:
    answer(web, 503, Retry_After=value)
    text = fails(ServerError, URL, clock, retries=5, deadline=60)
    assert text.endswith(
        "The next try is due in 3600 s, but only 60 s of the deadline of 60 s are left. Try again later, or increase 'deadline'."
    )
    assert (len(web.calls), clock.pauses) == (1, [])


def test_pauses_never_go_beyond_the_deadline(web: responses.RequestsMock, clock: Clock) -> None:
    answer(web, 503)
    fails(ServerError, URL, clock, retries=100, deadline=60)
    assert sum(clock.pauses) < 60


def test_no_request_is_sent_after_the_deadline(clock: Clock) -> None:
    with Server(sends(message())) as server:
        deadline = Deadline(10, clock.now)
        clock.sleep(10)
        with pytest.raises(TimeExceeded) as caught:
            transport(server.url, clock, retries=5).get(REQUEST, deadline)
        assert str(caught.value) == (
            f"{WHERE}the deadline of 10 s ('deadline') passed without a response."
            " Check the network and 'api_url', or increase 'deadline'."
        )
        assert server.connections == 0


def test_error_at_the_deadline_lists_what_the_tries_before_it_met(web: responses.RequestsMock, clock: Clock) -> None:
    deadline = Deadline(100, clock.now)
    answer(web, 503, gateway("500", "Endpoint Error"))
    answer(web, 503, gateway("500", "Endpoint Error"))
    web.get(URL + "/projects", body=requests.exceptions.ReadTimeout())
    answer(web, 404)
    answer(web, 200, "1")
    sender = transport(URL, clock, retries=3)
    with pytest.raises(NotFoundError):  # an answer, which says nothing of the service's health
        sender.get(REQUEST, deadline)
    sender.get(REQUEST, deadline)
    clock.sleep(100)
    with pytest.raises(TimeExceeded) as caught:
        sender.get(REQUEST, deadline)
    assert str(caught.value) == (
        f"{WHERE}the deadline of 100 s ('deadline') passed. Failed tries before the deadline: 503, code 500 (2 times), timed out."
        " Check the network and 'api_url', or increase 'timeout'. You can also increase 'deadline'."
    )


def test_error_at_the_deadline_of_a_slow_service_advises_more_time(web: responses.RequestsMock, clock: Clock) -> None:
    deadline = Deadline(100, clock.now)
    answer(web, 200, "1")
    sender = transport(URL, clock)
    for _time in range(3):
        sender.get(REQUEST, deadline)
    clock.sleep(100)
    with pytest.raises(TimeExceeded) as caught:
        sender.get(REQUEST, deadline)
    assert (
        str(caught.value)
        == f"{WHERE}the deadline of 100 s ('deadline') passed. Responses before the deadline: 3. Increase 'deadline'."
    )


def test_error_at_the_deadline_does_not_count_what_the_deadline_ended() -> None:
    deadline = Deadline(0.2)
    with Server(hangs) as server:
        sender = Transport(server.url, CREDENTIALS, timeout=30, retries=0, connections=1)
        for _time in range(2):
            with pytest.raises(TimeExceeded, match="passed without a response"):
                sender.get(REQUEST, deadline)


def test_error_that_no_time_is_left_to_retry_lists_what_the_tries_met(web: responses.RequestsMock, clock: Clock) -> None:
    web.get(URL + "/projects", body=ConnectionResetError())
    answer(web, 503, Retry_After="3600")
    text = fails(ServerError, URL, clock, retries=5)
    assert " Tried 2 times: connection failed, 503. The next try is due in 3600 s, " in text


def test_error_after_the_last_try_lists_what_each_met_where_they_differ(web: responses.RequestsMock, clock: Clock) -> None:
    for status in (503, 503, 502):
        answer(web, status)
    assert fails(ServerError, URL, clock, retries=2).endswith(" Tried 3 times: 503 (2 times), 502.")


# The network


def test_a_refused_connection_is_retried_and_names_the_host(clock: Clock) -> None:
    with reserved_port() as port:
        text = fails(ConnectionFailed, f"http://127.0.0.1:{port}/nsml/v1", clock, retries=2)
    assert len(clock.pauses) == 2
    assert f"the connection to 127.0.0.1:{port} failed: " in text
    assert "Connection refused. Check the network" in text


FULL = message('{"projects": [1, 2, 3]}')
FULL_WITHOUT_LENGTH = message('{"projects": [1, 2, 3]}', length=False)
FULL_IN_CHUNKS = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{"projects": [1,\r\n7\r\n 2, 3]}\r\n0\r\n\r\n'


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"HTTP/1.1 20",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        FULL[:-1],
        FULL[:-10],
        FULL_WITHOUT_LENGTH[:-1],
        FULL_WITHOUT_LENGTH[:-10],
        FULL_IN_CHUNKS[:-15],
        FULL_IN_CHUNKS[:-25],
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    ],
)
def test_a_connection_that_is_cut_or_garbled_is_tried_again(clock: Clock, broken: bytes) -> None:
    with Server(sends_and_cuts(broken, FULL)) as server:
        # A whole answer that is no use leaves a connection that is kept, and may be found closed only at the next try.
        assert get(server.url, clock, retries=2) == {"projects": [1, 2, 3]}
        assert server.connections >= 2
    with Server(sends_and_cuts(broken)) as server:
        fails(ConnectionFailed, server.url, clock)


@pytest.mark.parametrize(("body", "cut"), [('{"a', True), (" \n [1", True), ("", True), ("a page", False)])
def test_only_what_may_be_the_begin_of_json_passes_for_cut(clock: Clock, body: str, cut: bool) -> None:
    with Server(sends_and_cuts(message(body, length=False))) as server:
        text = fails(ConnectionFailed if cut else NotJsonError, server.url, clock)
    words = "the response is incomplete or is not JSON: " if cut else "the response is not usable JSON: "
    assert words in text
    assert not cut or text.endswith(". Check the network, the proxy settings and 'api_url'.")


@pytest.mark.parametrize("whole", [message('{"a'), b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n0\r\n\r\n'])
def test_what_is_whole_by_its_own_length_is_not_cut(clock: Clock, whole: bytes) -> None:
    with Server(sends(whole)) as server:
        assert "the response is not usable JSON: " in fails(NotJsonError, server.url, clock)


@pytest.mark.parametrize("whole", [FULL, FULL_WITHOUT_LENGTH, FULL_IN_CHUNKS])
def test_a_whole_answer_is_read_however_its_end_is_marked(clock: Clock, whole: bytes) -> None:
    with Server(sends_and_cuts(whole)) as server:
        assert get(server.url, clock) == {"projects": [1, 2, 3]}


SLOW = {
    "nothing": hangs,
    "half a head": sends(b"HTTP/1.1 200 OK\r\nX-A"),
    "a head by the byte": repeats(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.02),
    "half a body": sends(FULL[:-5]),
    "a body by the byte": repeats(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n{", b" ", 0.02),
    "a body by the byte, without length": repeats(b"HTTP/1.1 200 OK\r\n\r\n{", b" ", 0.02),
    "a body by the chunk": repeats(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", 0.02),
    "a redirect's body by the byte": repeats(b"HTTP/1.1 302 OK\r\nLocation: /x\r\n\r\n", b" ", 0.02),
    "an error's body by the byte": repeats(b"HTTP/1.1 500 No\r\n\r\n", b" ", 0.02),
    "nothing but informational answers": repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02),
}


@pytest.mark.parametrize("slow", SLOW.values(), ids=SLOW)
def test_the_timeout_bounds_a_server_that_sends(clock: Clock, slow: Callable[[socket.socket], None]) -> None:
    with Server(slow) as server:
        begin = time.monotonic()
        text = fails(TimeExceeded, server.url, clock, timeout=0.15)
        assert time.monotonic() - begin < WAIT_SECONDS
    assert "no complete response within 0.15 s ('timeout'). Check the network and 'api_url', or increase 'timeout'." in text


@pytest.mark.parametrize("slow", ["nothing", "half a head", "half a body"])
def test_a_socket_that_times_out_before_its_thread_is_given_up_is_the_same_fault(clock: Clock, slow: str) -> None:
    with Server(SLOW[slow]) as server, pytest.raises(TimeoutError):
        transport(server.url, clock)._exchange(REQUEST, Deadline(9), 0.1)


@pytest.mark.parametrize("slow", ["nothing", "a head by the byte", "a body by the byte"])
def test_the_deadline_bounds_all_attempts_together(slow: str) -> None:
    with Server(SLOW[slow]) as server:
        begin = time.monotonic()
        sender = Transport(server.url, CREDENTIALS, timeout=0.1, retries=1000, connections=1, rand=lambda: 0.0)
        with pytest.raises(TimeExceeded):
            sender.get(REQUEST, Deadline(0.5))
        assert time.monotonic() - begin < WAIT_SECONDS
        assert 1 <= sender.requests_made <= 2


def test_a_deadline_shorter_than_the_timeout_is_named(clock: Clock) -> None:
    with Server(hangs) as server:
        text = fails(TimeExceeded, server.url, clock, timeout=10, deadline=0.1, retries=5)
    assert "the deadline of 0.1 s ('deadline') passed without a response. Check the network" in text


def test_a_tls_handshake_that_hangs_is_bounded(clock: Clock) -> None:
    with Server(hangs) as server:
        fails(TimeExceeded, server.url.replace("http:", "https:"), clock, timeout=0.15)


@pytest.mark.parametrize("kind", [requests.exceptions.ConnectTimeout, requests.exceptions.ReadTimeout])
def test_a_time_out_of_the_library_is_one_of_ours(
    web: responses.RequestsMock, clock: Clock, kind: type[requests.exceptions.Timeout]
) -> None:
    web.get(URL + "/projects", body=kind("words"))
    assert "no complete response within 30 s ('timeout'). " in fails(TimeExceeded, URL, clock)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError("It is over."), "It is over"),
        (OSError("<Connection(host='a') object at 0x7f>: It is over"), "It is over"),
        (OSError("HTTPSConnectionPool(host='a', port=443): It is over"), "It is over"),
        (OSError(requests.ConnectionError(OSError("It is over"))), "It is over"),
        (ConnectionResetError(), "ConnectionResetError"),
    ],
)
def test_a_fault_is_reported_in_the_words_of_the_innermost_error(
    web: responses.RequestsMock, clock: Clock, error: OSError, words: str
) -> None:
    web.get(URL + "/projects", body=error)
    text = fails(ConnectionFailed, URL, clock)
    problem = f"the connection to nsml.example failed: {words}."
    assert text == f"{WHERE}{problem} Check the network, the proxy settings and 'api_url'."


def test_an_address_that_leads_nowhere_is_named_in_plain_words(clock: Clock) -> None:
    host, words = "127.0.0.1:1", "Connection refused"
    text = fails(ConnectionFailed, f"https://{host}/nsml/v1", clock)
    assert f"the connection to {host} failed: " in text
    assert not any(noise in text for noise in (".. ", "HTTPSConnection", "object at 0x"))
    assert words in text


def test_host_that_the_library_refuses_is_named_at_once(clock: Clock) -> None:
    text = misconfigured("https://*/nsml/v1", clock)
    assert text == "Cannot connect to *: the URL in 'api_url' or the URL of the proxy is invalid. Check both URLs."


def test_a_time_out_is_tried_again(clock: Clock) -> None:
    with Server(sends(b"", message("1"))) as server:
        assert get(server.url, clock, timeout=0.2, retries=50) == 1
        assert clock.pauses


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 500 No\r\n\r\n"])
def test_an_endless_body_is_given_up(clock: Clock, monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    monkeypatch.setattr(_transport, "MAX_BODY", 2 * 1024**2)
    with Server(repeats(head, b" " * 65536)) as server:
        assert "the response is larger than 2 MiB. Check" in fails(ResponseError, server.url, clock, retries=5)
        assert server.connections == 1


def test_a_small_body_that_unpacks_to_a_huge_one_is_given_up(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_transport, "MAX_BODY", 1024**2)
    with Server(sends(message(gzip.compress(b" " * 5_000_000), 200, "Content-Encoding: gzip"))) as server:
        assert "larger than 1 MiB" in fails(ResponseError, server.url, clock)


def test_body_that_unpacks_to_gigabytes_never_holds_more_than_one_may() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(packer.compress(bytes(1024**2)) for _time in range(300)) + packer.flush()
    with Server(sends(message(packed, 200, "Content-Encoding: gzip"))) as server:
        tracemalloc.start()
        try:
            with pytest.raises(ResponseError, match="larger than 64 MiB"):
                get(server.url, Clock())
            assert tracemalloc.get_traced_memory()[1] < 100 * 1024**2
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(b"[1]", mtime=0), gzip.compress(b"[1]", mtime=0) + b"\0" * 100, zlib.compress(b"[1]")],
    ids=["gzip", "gzip and padding", "deflate"],
)
def test_packed_body_is_unpacked(clock: Clock, packed: bytes) -> None:
    for coding in ("gzip", "GZIP", "x-gzip", "deflate"):
        with Server(sends(message(packed, 200, f"Content-Encoding: {coding}"))) as server:
            assert get(server.url, clock) == [1]
            assert b"Accept-Encoding: gzip\r\n" in server.requests[0]


def test_packed_body_that_breaks_off_is_retried(clock: Clock) -> None:
    packed = gzip.compress(b"[1]")
    answers = [message(part, 200, "Content-Encoding: gzip") for part in (packed[:-9], packed)]
    with Server(sends(*answers)) as server:
        assert get(server.url, clock, retries=1) == [1]
        assert "the compressed response is incomplete" in fails(
            ConnectionFailed, Server(sends(answers[0])).__enter__().url, clock
        )


@pytest.mark.parametrize("coding", ["gzip, gzip", "gzip,gzip,gzip", "br", "zstd", "deflate, gzip"])
def test_body_packed_twice_or_in_a_way_that_was_not_asked_for_is_refused(clock: Clock, coding: str) -> None:
    body = gzip.compress(gzip.compress(b"[1]"))
    with Server(sends(message(body, 200, f"Content-Encoding: {coding}"))) as server:
        text = fails(ResponseError, server.url, clock, retries=5)
        assert f"the response has the unexpected Content-Encoding '{coding}'. Check" in text
        assert len(server.requests) == 1


def test_all_answers_of_a_reading_are_bounded_together(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_transport, "MAX_READING", 2 * 1024**2)
    with Server(sends(message(f'["{"x" * 500_000}"]'))) as server:
        sender = transport(server.url, clock)
        for _reading in range(2):
            deadline = Deadline(9, clock.now)
            for _page in range(4):
                sender.get(REQUEST, deadline)
            with pytest.raises(ResponseError, match="the response and the previous responses are larger than 2 MiB"):
                sender.get(REQUEST, deadline)


def test_all_values_of_a_reading_are_bounded_together(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_transport, "MAX_READING_VALUES", 8)
    with Server(sends(message("[1,2,3]"))) as server:
        sender = transport(server.url, clock)
        deadline = Deadline(9, clock.now)
        for _page in range(2):
            sender.get(REQUEST, deadline)
        with pytest.raises(ResponseError, match="the response and the previous responses contain more than 8 values"):
            sender.get(REQUEST, deadline)


def test_a_hundred_thousand_ordinary_nodes_fit_three_times() -> None:
    row = {**rows(1)[0], "nodeId": "x" * 20, "projectName": "x" * 30, "containerImage": "x" * 100, "command": "x" * 200}
    body = json.dumps(row, indent=1)
    assert 3 * 100_000 * len(body) < _transport.MAX_READING
    assert 3 * 100_000 * (body.count(",") + 1 + body.count("[") + body.count("{")) < _transport.MAX_READING_VALUES


@pytest.mark.parametrize("body", ["[1,2,3,4,5]", "[[[[[]]]]]", "[{},{},{}]"])
def test_a_body_of_more_values_than_can_be_parsed_in_time_is_given_up(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr(_transport, "MAX_VALUES", 4)
    with Server(sends(message(body), message("[1,2,3]"))) as server:
        assert "the response contains more than 4 values. Check" in fails(ResponseError, server.url, clock)
        assert get(server.url, clock) == [1, 2, 3]


def test_endless_headers_are_given_up(clock: Clock) -> None:
    with Server(repeats(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n")) as server:
        assert "headers" in fails(ConnectionFailed, server.url, clock)


def test_connections_are_kept(clock: Clock) -> None:
    with Server(sends(message("1"), message("{}", 404), message("1"))) as server:
        sender = transport(server.url, clock)
        for _time in range(6):
            try:
                sender.get(REQUEST, Deadline(9))
            except NotFoundError:
                continue
        assert (server.connections, len(server.requests)) == (1, 6)


def test_no_more_connections_are_opened_than_threads_call(clock: Clock) -> None:
    with Server(sends(message("1"))) as server:
        sender = transport(server.url, clock, connections=3)
        assert side_by_side(lambda _: sender.get(REQUEST, Deadline(9)), range(30), 3, sender.close) == [1] * 30
        assert len(server.requests) == 30
        assert server.connections <= 3


# What the body holds


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    "body",
    [
        "words",
        "<html>Log in</html>",
        "{'projects': []}",
        '{"a": 1} more',
        "[" * 33 + "]" * 33,
        '{"a":' * 500 + "1" + "}" * 500,
        "[" * 100_000 + "]" * 100_000,
        b"\x00",
        b'{"a": "b\x00"}',
    ],
)
def test_a_200_that_is_no_usable_json_is_an_error_and_not_retried(clock: Clock, body: str | bytes) -> None:
    with Server(sends(message(body, 200, "x-ncp-trace-id: trace-1"))) as server:
        text = fails(NotJsonError, server.url, clock, retries=5)
        assert len(server.requests) == 1
    assert 'the response is not usable JSON: "' in text
    assert "\", trace ID trace-1. Check that 'api_url'" in text
    assert len(text) < 700


@pytest.mark.parametrize("body", [b'\xef\xbb\xbf{"a": "b"}', b' \r\n{"a":\t"b"}\n'])
def test_a_byte_order_mark_and_blanks_are_no_fault(clock: Clock, body: bytes) -> None:
    with Server(sends(message(body))) as server:
        assert get(server.url, clock) == {"a": "b"}


def test_bytes_that_are_no_utf8_become_replacement_characters(clock: Clock) -> None:
    with Server(sends(message(b'["a\xff\xc3", "\xed\xa0\x80"]'))) as server:
        assert get(server.url, clock) == ["a\ufffd\ufffd", "\ufffd\ufffd\ufffd"]


# What is given up


def sockets_of_clients(server: Server) -> int:
    """Return how many sockets this process has open, without those of the server."""
    links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sum(str(target).startswith("socket:") for target in links) - server.open_sockets


def exchange_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "nsml-exchange"]


def settles(count: Callable[[], int], number: int) -> bool:
    """Return whether a count comes down to a number, long before what is counted would end by itself."""
    end = time.monotonic() + WAIT_SECONDS / 4
    while count() > number and time.monotonic() < end:
        os.sched_yield()
    return count() <= number


SLOW_BELOW_HTTP = ["a TLS handshake by the byte", "a proxy's answer by the byte"]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="lists open files where Linux does")
@pytest.mark.parametrize(("slow", "attempts"), [("a body by the byte", 50), *((slow, 5) for slow in [*SLOW, *SLOW_BELOW_HTTP])])
def test_attempts_that_are_given_up_leave_no_thread_and_no_socket(
    monkeypatch: pytest.MonkeyPatch, slow: str, attempts: int
) -> None:
    clock = Clock()
    answer = SLOW.get(slow) or SLOW["a head by the byte"]
    with Server(answer, TrickledHandshake(ssl.PROTOCOL_TLS_SERVER) if "TLS" in slow else None) as server:
        if "proxy" in slow:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.port}")
        threads, sockets = len(exchange_threads()), sockets_of_clients(server)
        seconds = 0.5 if slow in SLOW_BELOW_HTTP else 0.05  # loading the trusted certificates comes first
        with pytest.raises(TimeExceeded, match=f"Tried {attempts} times"):
            get(URL if "proxy" in slow else server.url, clock, timeout=seconds, retries=attempts - 1, deadline=3600)
        assert server.connections >= attempts / 2
        assert settles(lambda: len(exchange_threads()), threads)
        assert settles(lambda: sockets_of_clients(server), sockets)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="lists open files where Linux does")
def test_attempt_on_a_kept_connection_that_is_given_up_leaves_no_thread_and_no_socket(clock: Clock) -> None:
    answers = iter([sends(message("1"))])

    def answer(sock: socket.socket) -> None:
        next(answers, SLOW["a body by the byte"])(sock)

    with Server(answer) as server:
        threads, sockets = len(exchange_threads()), sockets_of_clients(server)
        sender = transport(server.url, clock, timeout=0.3)
        assert sender.get(REQUEST, Deadline(9, clock.now)) == 1
        with pytest.raises(TimeExceeded):
            sender.get(REQUEST, Deadline(9, clock.now))
        assert server.connections == 1
        assert settles(lambda: len(exchange_threads()), threads)
        assert settles(lambda: sockets_of_clients(server), sockets)


@pytest.mark.parametrize("slow", SLOW)
def test_request_under_way_fails_without_a_retry_after_close_and_so_does_a_later_one(clock: Clock, slow: str) -> None:
    with Server(SLOW[slow]) as server:
        sender = transport(server.url, clock, timeout=WAIT_SECONDS, retries=5)
        threads = exchange_threads()
        request = Task(lambda: sender.get(REQUEST, Deadline(60, clock.now)), "x")
        request.start()
        assert server.requested.wait(WAIT_SECONDS)
        began = time.monotonic()
        sender.close()
        for ending in (request.result, lambda: sender.get(REQUEST, Deadline(60, clock.now))):
            with pytest.raises(RequestError):
                ending()
        assert time.monotonic() - began < WAIT_SECONDS / 2
        assert set(exchange_threads()) <= set(threads)
        assert len(server.requests) == 1
    assert clock.pauses == []


class TrickledHandshake(ssl.SSLContext):
    """Sends the beginning of a handshake's long record, byte by byte."""

    def wrap_socket(self, sock: socket.socket, *_args: object, **_options: object) -> ssl.SSLSocket:
        sock.recv(10_000)
        repeats(b"\x16\x03\x03\x40\x00", b"\x02", 0.02)(sock)
        raise ConnectionResetError


# TLS and proxies


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls(authority: trustme.CA, name: str = "127.0.0.1", until: datetime | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=until).configure_cert(context)
    return context


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


@pytest.fixture
def other_ca_file(tmp_path: Path) -> str:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    return str(tmp_path / "other.pem")


@pytest.mark.parametrize("bundle", [False, True])
@pytest.mark.parametrize("checked", [False, True])
def test_ca_path_and_validate_certs_hold_whatever_bundle_the_environment_names(  # noqa: PLR0917
    authority: trustme.CA,
    ca_file: str,
    other_ca_file: str,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    bundle: bool,
    checked: bool,
) -> None:
    if bundle:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", other_ca_file)
        monkeypatch.setenv("CURL_CA_BUNDLE", other_ca_file)
    with Server(sends(message("1")), tls(authority)) as server:
        assert get(server.url, clock, verify=ca_file if checked else False) == 1


def test_the_library_does_not_warn_of_what_was_asked_for(
    authority: trustme.CA, clock: Clock, recwarn: pytest.WarningsRecorder
) -> None:
    with Server(sends(message("1")), tls(authority)) as server:
        assert get(server.url, clock, verify=False) == 1
        assert InsecureRequestWarning not in {seen.category for seen in recwarn.list}
        with pytest.warns(InsecureRequestWarning):  # others go on to be warned
            requests.get(server.url, verify=False, timeout=9)


def test_an_unknown_ca_is_an_error_that_names_ca_path_and_is_not_retried(authority: trustme.CA, clock: Clock) -> None:
    with Server(sends(message("1")), tls(authority)) as server:
        text = fails(CertificateError, server.url, clock, retries=5)
        assert server.connections == 1
        assert server.requests == []
    assert f"TLS connection to 127.0.0.1:{server.port} failed: " in text
    assert "certificate verify failed" in text
    assert text.endswith(" Check 'api_url'. To trust your own CA, set 'ca_path' to the file of the CA.")


def test_the_cas_own_file_is_trusted_instead_of_the_environments(
    authority: trustme.CA, ca_file: str, other_ca_file: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca_file)
    with Server(sends(message("1")), tls(authority)) as server:
        fails(CertificateError, server.url, clock, verify=other_ca_file)
        assert server.requests == []


@pytest.mark.parametrize(
    ("name", "until", "words"),
    [
        ("127.0.0.1", datetime(2020, 1, 1, tzinfo=timezone.utc), "certificate has expired"),
        ("other.example", None, "'127.0.0.1'"),
    ],
)
def test_an_expired_certificate_and_one_of_another_name_are_refused(  # noqa: PLR0917
    authority: trustme.CA, ca_file: str, clock: Clock, name: str, until: datetime | None, words: str
) -> None:
    with Server(sends(message("1")), tls(authority, name, until)) as server:
        assert words in fails(CertificateError, server.url, clock, verify=ca_file, retries=5)
        assert server.connections == 1
        assert server.requests == []
        assert get(server.url, clock, verify=False) == 1


def test_a_connection_that_is_cut_in_the_handshake_is_tried_again(clock: Clock) -> None:
    with Server(hangs, CutInHandshake(ssl.PROTOCOL_TLS_SERVER)) as server:
        assert "Tried 3 times" in fails(ConnectionFailed, server.url, clock, retries=2)
        assert server.connections == 3


class CutInHandshake(ssl.SSLContext):
    """Reads the beginning of a handshake, and ends the connection."""

    def wrap_socket(self, sock: socket.socket, *_args: object, **_options: object) -> ssl.SSLSocket:
        sock.recv(10_000)
        cut(sock)
        raise ConnectionResetError


def through_proxy(authority: trustme.CA) -> Callable[[socket.socket], None]:
    """Be a proxy that answers in the service's stead, behind a tunnel."""
    context = tls(authority, "nsml.example")

    def answer_connect(sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with context.wrap_socket(sock, server_side=True) as inner:
            assert read_head(inner).startswith(b"GET /nsml/v1/projects?page=1&pageSize=10 ")
            inner.sendall(message("1"))
            inner.recv(1)

    return answer_connect


def test_a_proxy_of_the_environment_carries_https_and_sees_no_key(
    authority: trustme.CA, ca_file: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(through_proxy(authority)) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        assert get("HTTPS://nsml.example/nsml/v1", clock, verify=ca_file) == 1
        assert [head.split(b" ")[:2] for head in proxy.requests] == [[b"CONNECT", b"nsml.example:443"]]
        assert b"x-ncp" not in proxy.requests[0]


def test_a_proxy_never_sees_plain_http_to_loopback(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(hangs) as proxy, Server(sends(message("1"))) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert get(server.url, clock) == 1
        assert proxy.connections == 0


def test_a_proxy_that_refuses_is_named_as_the_likely_fault(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(sends_and_cuts(message("", 407))) as proxy:
        monkeypatch.setenv("https_proxy", f"http://someone:proxyPassword@127.0.0.1:{proxy.port}")
        text = fails(ConnectionFailed, URL, clock)
    assert "407" in text
    assert "the proxy for nsml.example failed: " in text
    assert "the proxy settings" in text
    assert "proxyPassword" not in text


def test_a_proxy_that_is_down_is_not_taken_for_the_service(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    with reserved_port() as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        text = fails(ConnectionFailed, URL, clock)
    assert "the proxy for nsml.example failed: " in text
    assert "Connection refused" in text


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://someone:proxyPassword@127.0.0.1:99999", "is invalid. Use http://user:password@host:port, and percent-encode "),
        ("http://someone:proxy[Password@127.0.0.1:1", "is invalid. Use http://user:password@host:port, and percent-encode "),
        ("http://someone:proxy/Password@127.0.0.1:1", "is invalid. Use http://user:password@host:port, and percent-encode "),
        ("http://someone:proxy#Password@127.0.0.1:1", "is invalid. Use http://user:password@host:port, and percent-encode "),
        ("htp://someone:proxyPassword@127.0.0.1:1", "has an unknown scheme. Use http://, https:// or socks5h://."),
    ],
)
def test_proxy_that_cannot_be_used_is_named_at_once_without_its_value(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, variable: str, url: str, words: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", unknown_name)
    monkeypatch.setenv(variable, url)
    text = misconfigured(URL, clock)
    assert f"Cannot connect to nsml.example: the URL in '{variable}' {words}" in text
    assert "Password" not in text


def test_socks_proxy_without_its_library_is_reported_at_once(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socks", None)
    monkeypatch.setenv("https_proxy", "socks5h://127.0.0.1:1")
    assert misconfigured(URL, clock).endswith(
        f"'https_proxy' names a SOCKS proxy, which needs the Python library PySocks. Run: {sys.executable} -m pip install pysocks"
    )


def misconfigured(url: str, clock: Clock, **options: Any) -> str:
    sender = transport(url, clock, retries=5, **options)
    with pytest.raises(ConfigurationError) as caught:
        sender.get(REQUEST, Deadline(60, clock.now))
    assert sender.requests_made == 1
    return str(caught.value)


@pytest.mark.parametrize("setting", ["ca_path", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("missing", "names a file that does not exist. Correct or unset '{}'."),
        ("empty file", "names a file without a readable certificate. Use a file of certificates in PEM format."),
        ("other file", "names a file without a readable certificate. Use a file of certificates in PEM format."),
        ("folder", "names a directory without hashed certificates. Run 'openssl rehash' on the directory, or use a file."),
    ],
)
def test_trusted_certificates_that_cannot_be_used_are_reported_at_once(  # noqa: PLR0917
    authority: trustme.CA, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setting: str, content: str, words: str
) -> None:
    place = tmp_path / "theValue"
    if content == "folder":
        place.mkdir()
        authority.cert_pem.write_to_path(place / "ca.pem")
    elif content != "missing":
        place.write_text("" if content == "empty file" else "no certificate")
    if setting != "ca_path":
        monkeypatch.setenv(setting, str(place))
    with Server(sends(message("1")), tls(authority)) as server:
        options = {"verify": str(place)} if setting == "ca_path" else {}
        text = misconfigured(server.url, clock, **options)
        assert text == f"Cannot connect to 127.0.0.1:{server.port}: '{setting}' {words.format(setting)}"
        assert server.requests == []


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_variable_that_the_library_does_not_read_is_named_where_a_certificate_is_not_trusted(
    authority: trustme.CA, other_ca_file: str, clock: Clock, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    words = f" '{variable}' is set, but the Python library requests does not read this variable."
    monkeypatch.setenv(variable, "/somewhere")
    with Server(sends(message("1")), tls(authority)) as server:
        assert fails(CertificateError, server.url, clock).endswith(words)
        assert words not in fails(CertificateError, server.url, clock, verify=other_ca_file)


def unknown_name(*_args: object, **_options: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_name_that_does_not_exist_is_looked_up_twice(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", unknown_name)
    text = fails(HostNotFound, URL, clock, retries=5)
    assert "Name or service not known" in text
    assert text.endswith("Tried 2 times.")
    assert "Tried" not in fails(HostNotFound, URL, clock, retries=0)


def test_name_that_cannot_be_looked_up_just_now_is_retried_as_usual(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert fails(ConnectionFailed, URL, clock, retries=5).endswith("Tried 6 times.")


def test_missing_library_is_named_with_the_command_for_this_python(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(_transport, "IMPORT_ERROR", ModuleNotFoundError("No module named 'requests'", name="requests"))
    with pytest.raises(ConfigurationError, match="requests is missing") as caught:
        transport(URL, clock)
    assert str(caught.value).endswith(f" for the Python that runs Ansible: {sys.executable} -m pip install requests")


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'urllib3.packages.six.moves'", name="urllib3.packages.six.moves"),
        ImportError("cannot import name 'x' from 'urllib3'"),
        AttributeError("module 'collections' has no attribute 'Mapping'"),
    ],
)
def test_broken_library_is_distinguished_from_a_missing_one(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, error: Exception
) -> None:
    monkeypatch.setattr(_transport, "IMPORT_ERROR", error)
    with pytest.raises(ConfigurationError, match="Cannot load the Python library requests: ") as caught:
        transport(URL, clock)
    assert str(error) in str(caught.value)
    assert str(caught.value).endswith(f" Upgrade the library: {sys.executable} -m pip install --upgrade requests urllib3")


# What is reported while the user waits


def reported(url: str, deadline: Deadline, clock: Clock, **options: Any) -> list[str]:
    lines: list[str] = []
    sender = transport(url, clock, notify=lines.append, **options)
    with suppress(RequestError):
        sender.get(REQUEST, deadline)
    sender.close()
    return lines


def test_pause_that_goes_beyond_three_seconds_is_reported(web: responses.RequestsMock, clock: Clock) -> None:
    answer(web, 503)
    lines = reported(URL, Deadline(60, clock.now), clock, retries=3)
    assert clock.pauses == [0.5, 1, 2]
    assert lines == ["Waiting for the projects from nsml.example: 503; next try in 2 s."]


def test_pauses_are_reported_again_half_a_minute_later(web: responses.RequestsMock, clock: Clock) -> None:
    answer(web, 503)
    lines = reported(URL, Deadline(600, clock.now), clock, retries=9)
    assert [line.split("next try in ")[1] for line in lines] == ["2 s.", "15 s.", "15 s."]


def test_what_takes_less_than_three_seconds_is_not_reported(web: responses.RequestsMock, clock: Clock) -> None:
    answer(web, 503)
    assert reported(URL, Deadline(60, clock.now), clock, retries=2) == []


def test_answer_that_takes_long_is_reported(clock: Clock) -> None:
    deadline = Deadline(60, clock.now)
    clock.sleep(3)
    with Server(hangs) as server:
        lines = reported(server.url, deadline, clock, timeout=0.2)
    assert lines == [f"Waiting for the projects from 127.0.0.1:{server.port}: no response yet."]


# The trace


def traced(url: str, clock: Clock, describe: Callable[[Any], str] = str, **options: Any) -> list[str]:
    lines: list[str] = []
    sender = transport(url, clock, trace=lines.append, **options)
    with suppress(RequestError):
        sender.get(REQUEST, Deadline(60, clock.now), describe=describe)
    sender.close()
    return [re.sub(r"\d\.\d\d s", "0.12 s", line) for line in lines]


TRACED = "GET /nsml/v1/projects?page=1&pageSize=10: "


def test_trace_names_request_status_description_seconds_and_try(web: responses.RequestsMock, clock: Clock) -> None:
    answer(web, 200, '{"projects": [1, 2], "totalCount": 2}')
    described = traced(URL, clock, lambda value: f"{len(value['projects'])} rows, totalCount {value['totalCount']}")
    assert described == [TRACED + "200, 2 rows, totalCount 2, 0.12 s, try 1"]


def test_trace_of_a_value_without_description_is_the_status(web: responses.RequestsMock, clock: Clock) -> None:
    answer(web, 200, "[1]")
    assert traced(URL, clock, lambda _value: "") == [TRACED + "200, 0.12 s, try 1"]


def test_trace_is_one_line_whatever_the_description(web: responses.RequestsMock, clock: Clock) -> None:
    answer(web, 200, "[1]")
    assert traced(URL, clock, lambda _value: "totalCount\n2") == [TRACED + "200, totalCount 2, 0.12 s, try 1"]


def test_trace_has_a_line_for_each_try(web: responses.RequestsMock, clock: Clock) -> None:
    answer(web, 503)
    answer(web, 500, gateway("900", "Unexpected Error"))
    web.get(URL + "/projects", body=ConnectionResetError())
    web.get(URL + "/projects", body=requests.exceptions.ReadTimeout())
    web.get(URL + "/projects", body=requests.exceptions.SSLError())
    assert traced(URL, clock, retries=5) == [
        TRACED + "503, 0.12 s, try 1",
        TRACED + "500, code 900, 0.12 s, try 2",
        TRACED + "connection failed, 0.12 s, try 3",
        TRACED + "timed out, 0.12 s, try 4",
        TRACED + "certificate not trusted, 0.12 s, try 5",
    ]


@pytest.mark.parametrize(("status", "body"), [(200, "no JSON"), (302, "")])
def test_trace_shows_an_unusable_answer(web: responses.RequestsMock, clock: Clock, status: int, body: str) -> None:
    answer(web, status, body)
    assert traced(URL, clock) == [TRACED + "unusable response, 0.12 s, try 1"]


def test_trace_has_no_line_for_a_request_that_is_not_sent(clock: Clock) -> None:
    lines: list[str] = []
    with pytest.raises(TimeExceeded):
        transport(URL, clock, trace=lines.append).get(REQUEST, Deadline(0, clock.now))
    assert lines == []


def test_trace_is_called_by_one_thread_at_a_time(web: responses.RequestsMock, clock: Clock) -> None:
    answer(web, 200, "1")
    busy = threading.Lock()
    lines: list[str] = []

    def trace(line: str) -> None:
        assert busy.acquire(blocking=False)
        os.sched_yield()
        lines.append(line)
        busy.release()

    sender = transport(URL, clock, trace=trace)
    side_by_side(lambda _: sender.get(REQUEST, Deadline(9)), range(40), 8, sender.close)
    assert len(lines) == 40


@pytest.mark.parametrize("form", range(10))
@pytest.mark.parametrize("status", [200, 302, 401, 503])
def test_trace_shows_no_header_no_body_and_no_secret(web: responses.RequestsMock, clock: Clock, status: int, form: int) -> None:
    secret = all_forms()[form]
    answer(web, status, gateway(secret, "theBody"), x_ncp_trace_id="theHeader", Location=secret)
    line = "".join(traced(URL, clock, lambda _value: secret))
    assert line.startswith(TRACED)
    assert_hidden(line)
    assert not re.search("theBody|theHeader", line)


@pytest.mark.parametrize("secret", [SECRET_KEY, API_KEY])
def test_trace_redacts_the_path(web: responses.RequestsMock, clock: Clock, secret: str) -> None:
    lines: list[str] = []
    web.get(f"{URL}/{quote(secret, safe='')}", body="1")
    transport(URL, clock, trace=lines.append).get(Request("x", f"/{quote(secret, safe='')}"), Deadline(9))
    assert lines[0].startswith("GET /nsml/v1/***: 200, ")


# Secrets


def forms(secret: str) -> dict[str, str]:
    return {
        "plain": secret,
        "quoted": quote(secret, safe=""),
        "partly quoted": quote(secret),
        "Base64": base64.b64encode(secret.encode()).decode(),
        "URL-safe Base64": base64.urlsafe_b64encode(secret.encode()).decode(),
    }


def all_forms() -> list[str]:
    return [form for secret in (SECRET_KEY, API_KEY) for form in forms(secret).values()]


HIDDEN: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "after 290 characters": lambda text: "x" * 290 + text,
    "after 5990 characters of markup": lambda text: "<i>" * 1996 + text,
    "in entities": lambda text: "".join(f"&#{ord(char)};" for char in text),
}
ESCAPED: dict[str, Callable[[str], str]] = {
    "in JSON": json.dumps,
    "in JSON with slashes escaped": lambda text: json.dumps(text).replace("/", "\\/"),
    "in JSON escapes": lambda text: '"' + "".join(f"\\u{ord(char):04x}" for char in text) + '"',
}


def assert_hidden(text: str) -> None:
    assert not any(form[:8] in text for form in all_forms()), text


@pytest.mark.parametrize("form", all_forms())
@pytest.mark.parametrize("hide", HIDDEN.values(), ids=HIDDEN)
@pytest.mark.parametrize("status", [200, 302, 401, 503])
def test_no_error_shows_a_secret_that_a_hostile_server_echoes(
    web: responses.RequestsMock, clock: Clock, form: str, hide: Callable[[str], str], status: int
) -> None:
    hidden = hide(form)
    answer(web, status, hidden, Location=hidden, x_ncp_trace_id=hidden, x_ncp_apigw_request_id=hidden)
    with pytest.raises(RequestError) as caught:
        get(URL, clock)
    assert_hidden(str(caught.value))
    assert_hidden(repr(caught.value))
    assert_hidden(repr(vars(caught.value)))


@pytest.mark.parametrize("form", all_forms())
@pytest.mark.parametrize("escape", ESCAPED.values(), ids=ESCAPED)
@pytest.mark.parametrize("status", [200, 401])
def test_no_escape_of_json_hides_a_secret(
    web: responses.RequestsMock, clock: Clock, form: str, escape: Callable[[str], str], status: int
) -> None:
    answer(web, status, f'{{"error": {{"errorCode": {escape(form)}, "message": {escape(form)}, "details": {escape(form)}}}}}')
    text = fails(StatusError if status == 200 else AuthenticationError, URL, clock)
    assert_hidden(text)
    assert ': "***' in text


@pytest.mark.parametrize("form", all_forms())
@pytest.mark.parametrize("escape", ESCAPED.values(), ids=ESCAPED)
def test_no_escape_of_json_hides_a_secret_in_a_row(
    web: responses.RequestsMock, clock: Clock, form: str, escape: Callable[[str], str]
) -> None:
    answer(web, 200, f'{{"projects": [{escape(form)}]}}')
    assert get(URL, clock)["projects"][0] in ("***", "***=", "***==")


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])  # the latter is that of Ansible's log file
def test_a_malformed_header_is_logged_nowhere(clock: Clock, caplog: pytest.LogCaptureFixture, level: int) -> None:
    caplog.set_level(level)
    caplog.set_level(level, "urllib3")
    broken = message("1", 200, f"a line without a colon {API_KEY}")
    with Server(sends_and_cuts(broken)) as server:
        get(server.url, clock)
    assert_hidden(caplog.text)
    assert caplog.text == ""


def test_library_logs_the_requests_of_others(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "urllib3")
    with Server(sends_and_cuts(message("1"))) as server:
        get(server.url, clock)
        requests.get(server.url, timeout=9)
    assert "Starting new HTTP connection" in caplog.text
    assert caplog.text.count('"GET ') == 1


def test_an_answer_that_is_too_large_shows_no_secret(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_transport, "MAX_BODY", 10)
    with Server(sends(message(" " * 11, 200, f"x-ncp-trace-id: {API_KEY}"))) as server:
        assert_hidden(fails(ResponseError, server.url, clock))


@pytest.mark.parametrize("kind", ["refused", "hangs", "cut", "garbled"])
def test_no_fault_of_the_network_shows_a_secret(clock: Clock, kind: str) -> None:
    behaviour = {
        "cut": sends_and_cuts(b""),
        "garbled": sends_and_cuts(API_KEY.encode() + b"\r\n\r\n"),
    }
    with Server(behaviour.get(kind, hangs)) as server, reserved_port() as port:
        url = f"http://127.0.0.1:{port}/nsml/v1" if kind == "refused" else server.url
        with pytest.raises(RequestError) as caught:
            get(url, clock, timeout=0.15)
    assert_hidden(str(caught.value) + repr(caught.value))


# Ctrl-C


@pytest.mark.parametrize("slow", SLOW)
def test_thread_of_a_request_has_ended_when_ctrl_c_is_raised(clock: Clock, slow: str) -> None:
    def press(sock: socket.socket) -> None:
        _thread.interrupt_main()
        SLOW[slow](sock)

    with Server(press) as server:
        threads = exchange_threads()
        with pytest.raises(KeyboardInterrupt):
            transport(server.url, clock, timeout=WAIT_SECONDS).get(REQUEST, Deadline(60, clock.now))
        assert set(exchange_threads()) <= set(threads)


SCRIPT = """
import sys
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.credentials import Credentials
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.threads import side_by_side
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.request import Request
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.transport import Deadline, Transport

workers = int(sys.argv[2])
transport = Transport(sys.argv[1], Credentials("a", "s", "k"), timeout=60, retries=5, connections=workers)
try:
    side_by_side(lambda _: transport.get(Request("x", "/x"), Deadline(60)), range(workers * 2), workers, transport.close)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("slow", ["nothing", "a body by the byte"])
def test_ctrl_c_ends_a_hanging_exchange_at_once_and_quietly(workers: int, slow: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]}
    with Server(SLOW[slow]) as server:
        command = [sys.executable, "-c", SCRIPT, server.url, str(workers)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            try:
                assert server.requested.wait(WAIT_SECONDS)
                process.send_signal(signal.SIGINT)
                assert process.communicate(timeout=WAIT_SECONDS)[0] == b""
            finally:
                process.kill()
    assert process.returncode == 130
