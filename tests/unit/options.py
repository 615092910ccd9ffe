# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that the plugin documents, with their defaults; that Ansible reads them so is tested in test_nodes.py."""

from __future__ import annotations

from typing import Any

import yaml

from ansible_collections.navercloud.nsml.plugins.inventory import nodes
from ansible_collections.navercloud.nsml.plugins.plugin_utils import _options
from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.credentials import CredentialOptions
from ansible_collections.navercloud.nsml.plugins.plugin_utils._options import Options

KNOWN: dict[str, dict[str, Any]] = yaml.safe_load(nodes.DOCUMENTATION)["options"]
DEFAULTS: dict[str, Any] = {
    # What Ansible's own documentation fragment for constructed groups adds.
    "strict": False,
    "compose": {},
    "groups": {},
    "keyed_groups": [],
    "leading_separator": True,
    **{name: option.get("default") for name, option in KNOWN.items()},
}


def check(**changes: Any) -> Options:
    """Return the options, checked, of a user who set these alone.

    :raises ConfigurationError: one of them cannot be used
    """
    return _options.check({**DEFAULTS, **changes}, CredentialOptions())
