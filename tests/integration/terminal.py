# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make demo` prints, in part, as a picture of a terminal. Pure text to text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from xml.sax.saxutils import escape

# What the picture shows: the commands that one of these patterns fits, each with the parts of its output that it keeps. A part
# begins with a group, a host or a line of progress.
KEPT = {
    r"ansible-inventory \S+ \S+ --graph": r"@all|.*@(ungrouped|nsml):|.*@nsml_(project_bert|ready):",
    r"ansible \S+ \S+ nsml_ready .*printenv": r"navercloud|bert-2-[03] ",
}
PART = re.compile(r"^(?=@|  \|--|  \|  \|--|navercloud|\S+ \| [A-Z]+)", re.MULTILINE)
# Hosts answer in any order.
ANSWER = re.compile(r"\S+ \| [A-Z]+")
LEFT_OUT = "..."

# Characters in a line, and the rest in pixels.
WIDTH = 80
ROW, CHARACTER, MARGIN, BAR = 17, 7.25, 16, 30

STYLE = """\
text { font: 12px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; white-space: pre }
.output { fill: #d1d7e0 }
.command { fill: #ffffff; font-weight: bold }
.changed { fill: #f0c674 }
.dim { fill: #9da7b3 }"""


def excerpt(printed: str) -> list[str]:
    """Return the lines that the picture shows, with three dots for those between.

    :param printed: all that the demonstration printed
    """
    lines: list[str] = []
    for shown in re.split(r"^\$ ", printed, flags=re.MULTILINE)[1:]:
        command, _newline, output = shown.partition("\n")
        for pattern, wanted in KEPT.items():
            if re.match(pattern, command):
                lines += ["", f"$ {command}", *_parts(output.strip("\n"), wanted)]
    return lines[1:]


def _parts(output: str, wanted: str) -> Iterator[str]:
    parts = sorted(PART.split(output)[1:], key=lambda part: part if ANSWER.match(part) else "")
    left_out = False
    for part in parts:
        kept = re.match(wanted, part)
        if kept:
            yield from part.splitlines()
        elif not left_out:
            yield LEFT_OUT
        left_out = not kept


def draw(lines: list[str]) -> str:
    """Return the picture, as SVG. A long line goes on in the next row, with an indent."""
    rows = [(part, _kind(line)) for line in lines for part in _wrapped(line)]
    width = WIDTH * CHARACTER + 2 * MARGIN
    height = BAR + ROW * len(rows) + MARGIN
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img">',
        "<title>A terminal with a part of what make demo prints</title>",
        f"<style>{STYLE}</style>",
        f'<rect x="1" y="1" width="{width - 2:.0f}" height="{height - 2:.0f}" rx="8" fill="#151b23" stroke="#6b7685"/>',
        _text(width / 2, BAR - 10, "make demo", "dim", 'text-anchor="middle"'),
        *(
            _text(MARGIN, BAR + ROW * (place + 0.75), part, kind, f'textLength="{len(part) * CHARACTER:.1f}"')
            for place, (part, kind) in enumerate(rows)
            if part
        ),
        "</svg>",
    ]
    return "\n".join(drawn) + "\n"


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, WIDTH, subsequent_indent="    ", break_on_hyphens=False) or [""]


def _kind(line: str) -> str:
    if line.startswith("$ "):
        return "command"
    if line == LEFT_OUT:
        return "dim"
    return "changed" if " | CHANGED | " in line else "output"


def _text(x: float, y: float, text: str, kind: str, options: str) -> str:
    return f'<text xml:space="preserve" x="{x:.0f}" y="{y:.0f}" class="{kind}" {options}>{escape(text)}</text>'
