# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `ansible-inventory --graph` prints, as a picture: groups on the left, their hosts on the right. Pure text to text."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

PARENT = "nsml"
# Colours that colour-blind people tell apart, for each kind of group.
COLOURS = {"project": "#0072b2", "run": "#007a5a", "state": "#b34a00", "rank": "#a3457d", "ready": "#1a1a1a"}

ROW, MARGIN, CHARACTER, GAP = 30, 16, 7.9, 260

STYLE = "text { font: 13px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace } path { fill: none; stroke-width: 1.5 }"


def members(graph: str) -> Mapping[str, list[str]]:
    """Return the hosts of each group below ``nsml``, as the printed graph has them."""
    found: dict[str, list[str]] = {}
    path: list[str] = []
    for line in graph.splitlines():
        name = line.lstrip(" |-")
        depth = (len(line) - len(name)) // 3
        path[depth:] = [name.strip("@:")]
        if name.startswith("@"):
            if path[-2:-1] == [PARENT]:
                found[path[-1]] = []
        elif path[-2] in found:
            found[path[-2]].append(name)
    return found


def draw(graph: str) -> str:
    """Return the picture, as SVG."""
    groups = members(graph)
    hosts = sorted({host for named in groups.values() for host in named})
    left = MARGIN + CHARACTER * len(PARENT) + 60
    right = left + CHARACTER * max(map(len, groups)) + GAP
    width = right + CHARACTER * max(map(len, hosts)) + MARGIN
    height = ROW * len(groups) + 2 * MARGIN
    rows = {group: MARGIN + ROW * (place + 0.5) for place, group in enumerate(groups)}
    spread = (height - 2 * MARGIN) / len(hosts)
    seats = {host: MARGIN + spread * (place + 0.5) for place, host in enumerate(hosts)}
    middle = height / 2
    described = "; ".join(f"{group}: {', '.join(named)}" for group, named in groups.items())
    to_groups = [_curve(MARGIN + CHARACTER * len(PARENT), middle, left, row, "#8a8a8a") for row in rows.values()]
    to_hosts = [
        _curve(left + CHARACTER * len(group), rows[group], right, seats[host], _colour(group))
        for group, named in groups.items()
        for host in named
    ]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img">',
        f"<title>The groups below {PARENT}, and their hosts</title>",
        f"<desc>{escape(described)}</desc>",
        f"<style>{STYLE}</style>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *to_groups,
        *to_hosts,
        _text(MARGIN, middle, PARENT, "#1a1a1a"),
        *(_text(left, row, group, _colour(group)) for group, row in rows.items()),
        *(_text(right, seat, host, "#1a1a1a") for host, seat in seats.items()),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _curve(x: float, y: float, to_x: float, to_y: float, colour: str) -> str:
    x, to_x = x + 6, to_x - 6  # clear of the text
    bend = (x + to_x) / 2
    return f'<path stroke="{colour}" d="M{x:.0f} {y:.0f}C{bend:.0f} {y:.0f} {bend:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"/>'


def _text(x: float, y: float, text: str, colour: str) -> str:
    return f'<text x="{x:.0f}" y="{y + 4:.0f}" fill="{colour}">{escape(text)}</text>'


def _colour(group: str) -> str:
    return COLOURS[group.removeprefix(f"{PARENT}_").partition("_")[0]]
