# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON from outside, whatever it holds."""

from __future__ import annotations

import json

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.body import parse_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('[NaN, Infinity, -Infinity, 1e999, -1e999, {"a": NaN}]', [None, None, None, None, None, {"a": None}]),
        ("9" * 5000, "9" * 5000),
        ("-" + "9" * 5000, "-" + "9" * 5000),
        ("9" * 1000, "9" * 1000),
        ("9" * 999, int("9" * 999)),
        ("[1.5, -2e3]", [1.5, -2000.0]),
        ('"a\\ud800b"', "a?b"),
        ('"\\udfff"', "?"),
        ('{"\\ud800": 1}', {"?": 1}),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('"\\\\ud800"', "\\ud800"),
        ('["\\n", NaN, 1e999, ' + "9" * 5000 + ', "\\ud800"]', ["\n", None, None, "9" * 5000, "?"]),
        ("[" * 32 + "]" * 32, None),
        ('{"a": ' * 31 + "{}" + "}" * 31, None),
        ('{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_whatever_json_holds_can_be_written_again(text: str, value: object) -> None:
    parsed = parse_json(text)
    assert value is None or parsed == value
    assert json.loads(json.dumps(parsed, allow_nan=False)) == parsed
    json.dumps(parsed, ensure_ascii=False).encode()


@pytest.mark.parametrize("text", ["[" * 33 + "]" * 33, '{"a": ' * 32 + "{}" + "}" * 32, '[{"a": ' * 16 + "[]" + "}]" * 16])
def test_what_is_nested_too_deep_to_be_worked_with_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="nested too deep"):
        parse_json(text)
