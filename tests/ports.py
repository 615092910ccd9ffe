# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports on which nobody listens, or not yet."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

ADDRESS = "127.0.0.1"


@contextmanager
def reserved_port() -> Iterator[int]:
    """Keep a port. The system gives it to nobody else meanwhile; a server that is told its number can listen on it.

    A port that was only looked up is given out again, once in some ten thousand times at once.
    """
    with socket.socket() as reserved:
        # Servers set this too, and so get what is bound already, as long as nobody listens there.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((ADDRESS, 0))
        yield reserved.getsockname()[1]
