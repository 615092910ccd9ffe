# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which strings Ansible may take for templates."""

from __future__ import annotations

from typing import Any

from ansible import template

if hasattr(template, "trust_as_template"):  # from 2.19 on, only what is marked as trusted is a template

    def untrusted(variables: dict[str, Any]) -> dict[str, Any]:
        """Return variables with values from the API so that these are never templates."""
        return variables

else:
    from ansible.utils.unsafe_proxy import wrap_var

    def untrusted(variables: dict[str, Any]) -> dict[str, Any]:
        """Return variables with values from the API so that these are never templates."""
        return {name: wrap_var(value) for name, value in variables.items()}
