# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which strings Ansible may take for templates, and which it may show."""

from __future__ import annotations

from typing import Any

from ansible import template

if hasattr(template, "trust_as_template"):  # from 2.19 on, only what is marked as trusted is a template

    def untrusted(variables: dict[str, Any]) -> dict[str, Any]:
        """Return variables with values from the API so that these are never templates."""
        return variables

    def without_origin(value: Any) -> Any:
        """Return a value of the file as trusted as it is, but without its place in the file.

        What Ansible complains about it shows with the lines around it, and a key may stand there.
        """
        if isinstance(value, str):
            plain = str.__str__(value)
            return template.trust_as_template(plain) if template.is_trusted_as_template(value) else plain
        if isinstance(value, dict):
            return {str.__str__(key) if isinstance(key, str) else key: without_origin(item) for key, item in value.items()}
        return [without_origin(item) for item in value] if isinstance(value, list) else value

else:
    from ansible.utils.unsafe_proxy import wrap_var

    def untrusted(variables: dict[str, Any]) -> dict[str, Any]:
        """Return variables with values from the API so that these are never templates."""
        return {name: wrap_var(value) for name, value in variables.items()}

    def without_origin(value: Any) -> Any:
        """Return a value of the file, which Ansible does not show with the lines around it."""
        return value
