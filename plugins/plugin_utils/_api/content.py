# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The content coding of a body, undone in pieces of a bounded size: a library may unpack a small piece into gigabytes. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

# What is asked for. A server that packs in another way does not keep to HTTP.
ACCEPTED = "gzip"

_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
_PIECE = 64 * 1024
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


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
        raise BrokenCoding(f"the packed answer is damaged ({error})") from None
    if not decoder.eof and not is_empty:
        raise BrokenCoding("the packed answer breaks off")
