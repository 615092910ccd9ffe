# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source navercloud.nsml.nodes, which sends an event for each change of the nodes of CLOVA NSML runs."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

DOCUMENTATION = r"""
---
name: nodes
short_description: CLOVA NSML event source
version_added: 0.1.0
author:
  - NAVER Cloud NSML collection contributors (@navercloud)
description:
  - Reads the nodes of the chosen runs at an interval, and sends an event for each change.
  - Takes these options of the inventory plugin navercloud.nsml.nodes, with the same types, defaults and environment variables -
    C(project), C(run), C(access_key), C(secret_key), C(api_key), C(profile), C(api_url), C(page_size), C(concurrency),
    C(timeout), C(retries), C(deadline), C(validate_certs), C(ca_path) and C(wait_nodes). C(ansible-doc -t inventory
    navercloud.nsml.nodes) describes them.
  - C(wait_nodes) is the number of ranks of a run that must be ready for the event C(run_ready). If you omit it, all ranks that
    are listed must be ready, at two readings.
  - The page Event-Driven Ansible of the documentation describes the events.
requirements:
  - requests
options:
  interval:
    description: The number of seconds between the starts of two readings.
    type: float
    default: 10
  state_file:
    description:
      - A file that records the events that were sent, so that a restart neither repeats nor misses an event.
      - It contains rows from the API, and no keys.
    type: path
  initial:
    description:
      - Whether to send an event for each node that is already ready when the source starts.
      - It applies only to a start without a state file.
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

- name: Remember across restarts which events were sent
  hosts: all
  sources:
    - navercloud.nsml.nodes:
        project: bert
        run: active
        interval: 30
        state_file: /var/lib/nsml/events.json
  rules:
    - name: A run is ready
      condition: event.nsml.change == "run_ready"
      action:
        run_playbook:
          name: train.yml
"""


async def main(queue: Any, args: dict[str, Any]) -> None:
    """Put an event for each change, until an error or cancellation.

    :param queue: the queue of the rulebook
    :param args: the arguments of the event source in the rulebook
    """
    _make_collection_importable()
    import yaml  # needed only to read the documentation above

    source = importlib.import_module("ansible_collections.navercloud.nsml.plugins.plugin_utils._event_source")
    await source.follow(queue, args, yaml.safe_load(DOCUMENTATION)["options"])


def _make_collection_importable() -> None:
    """Make ansible_collections importable, which ansible-rulebook does not do.

    Ansible's own function for this, init_plugin_loader, would change the imports of other event sources and filters.
    """
    collections = Path(__file__).parents[6]
    if str(collections.parent) not in sys.path:
        sys.path.append(str(collections.parent))
    package = importlib.import_module("ansible_collections")
    if str(collections) not in package.__path__:  # that of the PyPI package ansible has only its own directory
        package.__path__.append(str(collections))
