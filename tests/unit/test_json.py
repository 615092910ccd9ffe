# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON from outside, whatever it holds."""

from __future__ import annotations

import json

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._json import parse_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('[NaN, Infinity, -Infinity, 1e999, -1e999, {"a": NaN}]', [None, None, None, None, None, {"a": None}]),
        ("9" * 5000, "9" * 5000),
        ("-" + "9" * 5000, "-" + "9" * 5000),
        ("9" * 999, int("9" * 999)),
        ('"a\\ud800b"', "a?b"),
        ('"\\udfff"', "?"),
        ('{"\\ud800": 1}', {"?": 1}),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('"\\\\ud800"', "\\ud800"),
        ('["\\n", NaN, 1e999, ' + "9" * 5000 + ', "\\ud800"]', ["\n", None, None, "9" * 5000, "?"]),
        ("[" * 32 + "]" * 32, None),
        ('{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_whatever_json_holds_can_be_written_again(text: str, value: object) -> None:
    parsed = parse_json(text)
    assert value is None or parsed == value
    assert json.loads(json.dumps(parsed, allow_nan=False)) == parsed
    json.dumps(parsed, ensure_ascii=False).encode()
