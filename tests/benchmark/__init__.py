# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Speed and memory of the plugin, against the floor that Ansible itself sets and against inventory plugins of other clouds.

`make benchmark`, or `python -m tests.benchmark` from the root. The data flow of a measurement::

    fleet -> server -> inventories -> cases -> runner -> report -> plot

Each module knows only those before it. All that is compared has the same hosts; where groups matter, the same groups.
"""
