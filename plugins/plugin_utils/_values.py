# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Convert values from outside, which may have another type than documented, or be hostile."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

# One object of a list, as the API sends it.
Row = Mapping[str, Any]

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_MAX_WORDS = 300
_MOST_NAMED = 10


def text(value: object) -> str | None:
    """Return a name as a string: a string that is not empty, or an integer. Return None for anything else."""
    if isinstance(value, str):
        return value or None
    return None if isinstance(value, bool) or not isinstance(value, int) else str(value)


def integer(value: object) -> int | None:
    """Return an integer, even if it was sent as a string or as 3.0. Return None for anything else."""
    if isinstance(value, str):
        digits = value.strip()  # int() strips fewer kinds of spaces
        return int(digits) if _INTEGER.fullmatch(digits) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18 else None


def did_you_mean(wanted: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return a question that names the most similar of the known names, with a space before it; empty if none is similar.

    :param cutoff: how similar it must be, from 0 to 1
    """
    nearest = difflib.get_close_matches(wanted, known, n=1, cutoff=cutoff)
    return f" Did you mean {readable(repr(nearest[0]))}?" if nearest else ""


def shortened(names: Iterable[str]) -> str:
    """Return the first ten names in one string, and the number of the others."""
    listed = list(names)
    more = f" and {len(listed) - _MOST_NAMED:,} more" if len(listed) > _MOST_NAMED else ""
    return ", ".join(listed[:_MOST_NAMED]) + more


def readable(text: str, redact: Callable[[str], str] = str) -> str:
    """Return a string from outside as one short line, without control characters and repeated spaces.

    :param redact: removes the secrets from a string
    """
    # Redacted before each cut, which could leave a part of a secret, and after characters that could split a secret are removed.
    printable = "".join(char if char.isprintable() else " " for char in redact(text)[: 20 * _MAX_WORDS])
    line = redact(" ".join(printable.split()))
    return line if len(line) <= _MAX_WORDS else f"{line[:_MAX_WORDS]}..."


def readable_body(body: str, redact: Callable[[str], str] = str) -> str:
    """Return the body of a response, or a string in it, as one short line without HTML, which proxies and gateways send.

    :param redact: removes the secrets from a string
    """
    text = re.sub(r"<[^<>]*>", " ", redact(body)[: 20 * _MAX_WORDS])
    if "&" in text:
        from html import unescape  # rarely needed, and slow to import

        text = unescape(text)
    return readable(text, redact)
