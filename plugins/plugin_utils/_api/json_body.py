# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON from outside, parsed so that whatever it holds can be worked with. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

# An answer as documented has four levels. Ansible itself stumbles over some hundreds.
_MAX_DEPTH = 32


def parse_json(text: str, redact: Callable[[str], str] = str) -> Any:
    """Parse JSON so that whatever it holds can be written again: as JSON, as UTF-8, in a terminal.

    NaN and Infinity, which are not JSON, become null; a number too long for Python stays a string; half of a surrogate pair
    becomes ``?``.

    :param redact: takes the secrets out of a string
    :raises ValueError: this is not JSON, or nested too deep to be worked with
    :raises RecursionError: it is nested too deep to be parsed
    """
    value = _load(redact(text))
    if "\\" in text:  # an escape may hide half of a pair, or a secret: written out, neither is hidden
        plain = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
        value = _load(redact(plain))
    _check_depth(value)
    return value


def _load(text: str) -> Any:
    return json.loads(text, parse_int=_int, parse_float=_float, parse_constant=lambda _name: None)


def _check_depth(value: Any) -> None:
    level = [value]
    for _depth in range(_MAX_DEPTH):
        level = [
            child
            for parent in level
            if isinstance(parent, (dict, list))
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
    if level:
        raise ValueError("nested too deep")


def _int(digits: str) -> int | str:
    return int(digits) if len(digits) < 1000 else digits


def _float(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None
