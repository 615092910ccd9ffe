# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recognize the files that are meant for the inventory plugin."""

from __future__ import annotations

from pathlib import Path

import yaml

_RESERVED_ENDINGS = ("nsml.yml", "nsml.yaml")
_VAULT = b"$ANSIBLE_VAULT"


def is_meant_for(path: str, plugin: str) -> bool:
    """Return whether a file is meant for the plugin, by its name or by its key ``plugin``.

    Any vaulted file may be, because only Ansible can decrypt it. If such a file names another plugin, ``parse`` fails, and
    Ansible tries the next plugin.
    """
    if path.endswith(_RESERVED_ENDINGS):
        return True
    if not path.endswith((".yml", ".yaml")):
        return False
    try:
        content = Path(path).read_bytes()
    except OSError:
        return False
    # Parsing is expensive, and most YAML files of an inventory are not meant for this plugin.
    return content.startswith(_VAULT) or (plugin.encode() in content and _named_plugin(content) == plugin)


def _named_plugin(content: bytes) -> str | None:
    """Return the value of the key ``plugin``. No values are constructed, so tags such as ``!vault`` do not matter."""
    try:
        root = yaml.compose(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return None
    entries = root.value if isinstance(root, yaml.MappingNode) else []
    return next((value.value for key, value in reversed(entries) if key.value == "plugin"), None)
