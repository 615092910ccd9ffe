# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# mypy: disable-error-code="import-not-found"
"""Draws cost against hosts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from .growth import Curve


def draw(curves: Sequence[Curve], core: str, path: Path) -> None:
    """Draw the curves with logarithmic axes, as SVG; the same curves give the same file."""
    settings = {"svg.hashsalt": "nsml", "svg.fonttype": "none", "font.size": 9}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        for curve, marker in zip(curves, "osD^v<"):
            axes.loglog(curve.sizes, curve.seconds, marker=marker, label=curve.name)
        axes.set_xlabel("hosts")
        axes.set_ylabel("CPU seconds of ansible all --list-hosts")
        axes.set_title(f"ansible-core {core}")
        axes.grid(visible=True, which="both", linewidth=0.3)
        axes.legend()
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
