# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tree of errors is as its drawing, and a request error names what failed, where, why and what to do."""

from __future__ import annotations

import inspect

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils import _errors
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import RequestError, StatusError

CLASSES = {name: kind for name, kind in vars(_errors).items() if inspect.isclass(kind)}


def drawn() -> dict[str, str]:
    """Return each class of the drawing in the docstring with its parent."""
    parents: list[tuple[int, str]] = []
    found = {}
    for line in str(_errors.__doc__).splitlines():
        name, depth = line.lstrip(" │├└─").partition(" ")[0], len(line) - len(line.lstrip(" │├└─"))
        if name in CLASSES:
            parents = [(indent, parent) for indent, parent in parents if indent < depth]
            found[name] = parents[-1][1] if parents else "Exception"
            parents.append((depth, name))
    return found


def test_the_tree_is_as_it_is_drawn() -> None:
    assert drawn() == {name: kind.__bases__[0].__name__ for name, kind in CLASSES.items()}


@pytest.mark.parametrize("note", ["", "Tried 2 times."])
def test_the_message_of_a_request_error_has_what_where_problem_advice_and_note_in_this_order(note: str) -> None:
    error = RequestError("the nodes", "GET /x", "it broke.", "Check the network.")
    error.note = note
    assert str(error) == f"Cannot read the nodes: GET /x: it broke. Check the network. {note}".rstrip()


def test_no_kind_of_request_error_words_its_message_in_another_way() -> None:
    assert [
        kind for kind in CLASSES.values() if issubclass(kind, RequestError) and kind.__str__ is not RequestError.__str__
    ] == []


def test_a_status_error_keeps_what_decides_on_another_try() -> None:
    error = StatusError("the nodes", "GET /x", "it broke.", "Check the network.", status=429, code="300", retry_after=2.5)
    assert (error.status, error.code, error.retry_after) == (429, "300", 2.5)
    error = StatusError("the nodes", "GET /x", "it broke.", "Check the network.", status=500)
    assert (error.status, error.code, error.retry_after) == (500, "", None)


def failed(kind: type[_errors.RequestError]) -> _errors.RequestError:
    return kind("x", "GET /x", "it broke.", "Fix it.")


def answered(status: int, kind: type[_errors.StatusError] | None = None, wait: float | None = None) -> _errors.StatusError:
    return (kind or _errors.StatusError)("x", "GET /x", "no.", "", status=status, retry_after=wait)


@pytest.mark.parametrize(
    ("error", "retried"),
    [
        *[(answered(status), True) for status in (429, 500, 502, 503, 504)],
        *[(answered(status), False) for status in (204, 400, 401, 403, 404, 406, 408, 409, 413, 418, 501, 505)],
        (answered(429, _errors.QuotaError), False),
        (failed(_errors.ConnectionFailed), True),
        (failed(_errors.TimeExceeded), True),
        (failed(_errors.CertificateError), False),
        (failed(_errors.ResponseError), False),
        (failed(_errors.IncompleteError), False),
    ],
)
def test_only_faults_that_may_pass_are_retried(error: _errors.RequestError, retried: bool) -> None:
    assert error.may_pass is retried


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (answered(503), "503"),
        (_errors.StatusError("x", "GET /x", "no.", "", status=429, code="410"), "429, code 410"),
        (failed(_errors.TimeExceeded), "timed out"),
        (failed(_errors.CertificateError), "certificate not trusted"),
        (failed(_errors.HostNotFound), "host name not found"),
        (failed(_errors.ConnectionFailed), "connection failed"),
        (failed(_errors.IncompleteError), "unusable response"),
    ],
)
def test_an_outcome_is_the_status_or_the_kind_of_failure(error: _errors.RequestError, words: str) -> None:
    assert error.outcome == words
