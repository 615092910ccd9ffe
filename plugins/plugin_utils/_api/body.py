# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The body of an answer, from bytes as sent to a value that can be worked with, whatever it holds. Pure.

It is unpacked in pieces of a bounded size, since a library may unpack a small piece into gigabytes, and then parsed as JSON.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

# What is asked for. A server that packs in another way does not keep to HTTP.
ACCEPTED = "gzip"

_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
_PIECE = 64 * 1024
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS

# An answer as documented has four levels. Ansible itself stumbles over some hundreds.
_MAX_DEPTH = 32


class UnknownCoding(ValueError):
    """The body is packed more than once, or in a way that was not asked for."""


class BrokenCoding(OSError):
    """The packed body is damaged, or breaks off."""


def unpacked(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """Return the pieces of a body as they were before they were packed, none larger than 64 KiB where they were.

    :param coding: the Content-Encoding header, empty where there is none
    :raises UnknownCoding: its pieces cannot be unpacked
    :raises BrokenCoding: they are damaged, or not the whole
    """
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return iter(pieces)
    if coding not in _CODINGS:
        raise UnknownCoding(coding)
    return _inflated(pieces)


def _inflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
    is_empty = True
    try:
        for piece in pieces:
            rest = piece
            while rest and not decoder.eof:  # what follows the end is padding
                is_empty = False
                yield decoder.decompress(rest, _PIECE)
                rest = decoder.unconsumed_tail
        yield decoder.flush()
    except zlib.error as error:
        raise BrokenCoding(f"the compressed response is damaged ({error})") from None
    if not decoder.eof and not is_empty:
        raise BrokenCoding("the compressed response is incomplete")


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
