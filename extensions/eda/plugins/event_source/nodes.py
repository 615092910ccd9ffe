# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source navercloud.nsml.nodes: what happens to the nodes of CLOVA NSML runs, as events."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

DOCUMENTATION = r"""
---
name: nodes
short_description: Events of the nodes of CLOVA NSML runs
version_added: 0.1.0
author:
  - NAVER Cloud NSML collection contributors (!UNKNOWN)
description:
  - Reads the nodes of the chosen runs at an interval, and puts an event for each change.
  - Takes these options of the inventory plugin navercloud.nsml.nodes, with its types, defaults and environment variables, as
    C(ansible-doc -t inventory navercloud.nsml.nodes) shows them - C(project), C(run), C(access_key), C(secret_key), C(api_key),
    C(profile), C(api_url), C(page_size), C(concurrency), C(timeout), C(retries), C(deadline), C(validate_certs), C(ca_path) and
    C(wait_nodes).
  - C(wait_nodes) is how many ranks of a run must be ready for C(run_ready). Left out, all that are listed, at two readings.
  - The events are described on the page Event-Driven Ansible of the documentation.
requirements:
  - requests
options:
  interval:
    description: Seconds between the starts of two readings.
    type: float
    default: 10
  state_file:
    description:
      - A file that remembers what was put, so that after a restart nothing is put twice and nothing is left out.
      - It holds rows of the API, and no keys.
    type: path
  initial:
    description: Whether to put, at a start without a state file, an event for each node that is ready already.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Provision each node when it is ready
  hosts: all
  sources:
    - navercloud.nsml.nodes:
        project: bert
        run: latest
  rules:
    - name: A node is ready
      condition: event.nsml.change == "ready"
      action:
        run_playbook:
          name: provision.yml
"""


async def main(queue: Any, args: dict[str, Any]) -> None:
    """Put the events, for good."""
    _make_collection_importable()
    import yaml  # which only reads the documentation of the options above

    source = importlib.import_module("ansible_collections.navercloud.nsml.plugins.plugin_utils._event_source")
    await source.follow(queue, args, yaml.safe_load(DOCUMENTATION)["options"])


def _make_collection_importable() -> None:
    """Let Python find ansible_collections, which ansible-rulebook does not do.

    Ansible's own way, init_plugin_loader, would get hold of the imports of other sources and filters.
    """
    collections = Path(__file__).parents[6]
    if str(collections.parent) not in sys.path:
        sys.path.append(str(collections.parent))
    package = importlib.import_module("ansible_collections")
    if str(collections) not in package.__path__:  # the PyPI package ansible has one that knows its own folder alone
        package.__path__.append(str(collections))
