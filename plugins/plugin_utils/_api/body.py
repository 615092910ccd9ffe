# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Unpack the body of a response within bounds, and parse it. Nothing is sent here.

The body is unpacked in pieces of a bounded size, because a library may unpack a small piece to gigabytes.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

# The value of Accept-Encoding. A server that uses another coding violates HTTP.
ACCEPTED = "gzip"

_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
_PIECE = 64 * 1024
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS

# A documented response has four levels. Ansible itself fails at some hundreds.
_MAX_DEPTH = 32


class UnknownCoding(ValueError):
    """The body is compressed more than once, or in a way that was not requested."""


class BrokenCoding(OSError):
    """The compressed body is damaged or incomplete."""


def unpacked(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """Return the decompressed pieces of a body. A piece that was compressed is not larger than 64 KiB.

    :param coding: the Content-Encoding header, empty if there is none
    :raises UnknownCoding: the coding is not supported
    :raises BrokenCoding: the pieces are damaged or incomplete (raised while iterating)
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
            while rest and not decoder.eof:  # bytes after the end are padding
                is_empty = False
                yield decoder.decompress(rest, _PIECE)
                rest = decoder.unconsumed_tail
        yield decoder.flush()
    except zlib.error as error:
        raise BrokenCoding(f"the compressed response is damaged ({error})") from None
    if not decoder.eof and not is_empty:
        raise BrokenCoding("the compressed response is incomplete")


def is_framed(headers: Iterable[str]) -> bool:
    """Return whether the headers determine the end of the body.

    :param headers: the names of the headers
    """
    return bool({"content-length", "transfer-encoding"} & {name.lower() for name in headers})


def parse_json(text: str, redact: Callable[[str], str] = str) -> Any:
    """Parse JSON so that the result can always be written again, as JSON, as UTF-8 and in a terminal.

    NaN and Infinity, which are not JSON, become null. A number that is too long for Python stays a string. Half of a surrogate
    pair becomes ``?``.

    :param redact: removes the secrets from a string
    :raises ValueError: the string is not JSON, or nested too deeply for Ansible
    :raises RecursionError: the string is nested too deeply for the parser
    """
    value = _load(redact(text))
    if "\\" in text:  # an escape may hide half of a pair, or a secret
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
