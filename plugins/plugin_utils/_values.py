# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of the API that may be of another type than documented."""

from __future__ import annotations

import re


def text(value: object) -> str | None:
    """Return a value that names something as text, None when it names nothing."""
    if isinstance(value, str):
        return value or None
    return None if isinstance(value, bool) or not isinstance(value, int) else str(value)


def integer(value: object) -> int | None:
    """Return a whole number, also one that was sent as text or as 3.0; None for all else."""
    if isinstance(value, str):
        digits = value.strip()  # int() strips fewer kinds of blanks
        return int(digits) if re.fullmatch(r"-?[0-9]{1,18}", digits) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18 else None
