# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values from outside, that may be of another type than documented, or hostile."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.navercloud.nsml.plugins.plugin_utils._values import (
    did_you_mean,
    integer,
    readable,
    readable_body,
    shortened,
    text,
)

JSON_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@pytest.mark.parametrize(
    ("value", "expected"),
    [("2", "2"), (2, "2"), (0, "0"), (-1, "-1"), (" ", " "), ("노드", "노드"), ("{{ x }}", "{{ x }}")],
)
def test_a_text_or_a_whole_number_names_something(value: object, expected: str) -> None:
    assert text(value) == expected


@pytest.mark.parametrize("value", ["", None, True, False, 2.0, math.nan, [], ["2"], {}, {"a": "b"}])
def test_all_else_names_nothing(value: object) -> None:
    assert text(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), (-1, -1), (3.0, 3), ("3", 3), (" 3\n", 3), ("-3", -3), ("007", 7), (10**18 - 1, 10**18 - 1), ("\x1c5", 5)],
)
def test_a_whole_number_is_one_however_it_was_sent(value: object, expected: int) -> None:
    number = integer(value)

    assert (number, type(number)) == (expected, int)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "x",
        "3.0",
        "1_0",
        "+3",
        "0x10",
        "٣",
        "9" * 19,
        10**18,
        -(10**18),
        1e300,
        3.5,
        math.nan,
        math.inf,
        None,
        True,
        [3],
        {},
    ],
)
def test_all_else_is_no_number(value: object) -> None:
    assert integer(value) is None


@given(JSON_SCALARS | st.lists(JSON_SCALARS) | st.dictionaries(st.text(), JSON_SCALARS))
def test_every_value_is_survived(value: object) -> None:
    number = integer(value)

    assert number is None or (isinstance(number, int) and not isinstance(number, bool) and abs(number) < 10**18)
    assert text(value) is None or text(value) in (value, str(value))


@pytest.mark.parametrize(
    ("count", "line"),
    [
        (0, ""),
        (2, "n0, n1"),
        (10, "n0, n1, n2, n3, n4, n5, n6, n7, n8, n9"),
        (1011, "n0, n1, n2, n3, n4, n5, n6, n7, n8, n9 and 1,001 more"),
    ],
)
def test_ten_names_are_listed_and_the_others_counted(count: int, line: str) -> None:
    assert shortened(f"n{number}" for number in range(count)) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\x00b\x1b[31mc\r\nd\u202ee\x9bf", "a b [31mc d e f"),
        ("  a \n\t b  ", "a b"),
        ("nsml_rank < 1 and 2 > nsml_port &amp; <b>", "nsml_rank < 1 and 2 > nsml_port &amp; <b>"),
        ("\ud800", ""),
        ("한글", "한글"),
        ("x" * 301, "x" * 300 + "..."),
        ("x" * 300, "x" * 300),
    ],
)
def test_a_string_from_outside_becomes_one_short_safe_line(text: str, line: str) -> None:
    assert readable(text) == line


def test_a_body_loses_its_markup_and_resolves_its_entities() -> None:
    assert readable_body("<p class='x'>a</p>&amp;<br>b\x00\n") == "a & b"


@pytest.mark.parametrize("function", [readable, readable_body])
@pytest.mark.parametrize("shift", [0, 280, 299, 5997])
def test_no_cut_leaves_part_of_a_secret(shift: int, function: Callable[[str, Callable[[str], str]], str]) -> None:
    tags = "<i>" * (shift // 3) if shift > 300 else "x" * shift
    assert "sec" not in function(tags + "secret-word", lambda text: text.replace("secret-word", "***"))


@pytest.mark.parametrize(
    ("wanted", "known", "question"),
    [
        ("brt", ["gpt", "bert"], " Did you mean 'bert'?"),
        ("x\x1b", ["x\x1b["], r" Did you mean 'x\x1b['?"),
        ("brt", ["demo-notebook"], ""),
        ("brt", [], ""),
    ],
)
def test_the_most_similar_name_is_suggested_in_readable_form(wanted: str, known: list[str], question: str) -> None:
    assert did_you_mean(wanted, known) == question


def test_a_suggestion_must_be_as_similar_as_asked() -> None:
    assert did_you_mean("brt", ["bert"], cutoff=0.95) == ""
