# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mistake of YAML in a file with plain keys shows no key in the message of the plugin."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.tests.integration.commands import Workplace

KEYS = "access_key: SECRETaccess\nsecret_key: SECRETsecret\napi_key: SECRETapi\n"


@pytest.mark.parametrize(
    "mistake",
    ["run: @2", "run: 'a", "\trun: 2", "run: %x", "run: a b: c", "run: *nothing", 'run: "\\q"', "run: !foo 2"],
)
def test_mistake_of_yaml_shows_no_key_beside_it(tmp_path: Path, mistake: str) -> None:
    workplace = Workplace(tmp_path, {"ANSIBLE_INVENTORY_ENABLED": "navercloud.nsml.nodes"})
    workplace.write("test.nsml.yml", f"plugin: navercloud.nsml.nodes\n{KEYS}{mistake}\n{KEYS.replace('key:', 'key_2:')}")
    done = workplace.run("ansible-inventory", "-i", "test.nsml.yml", "--list")
    assert "Failed to parse" in done.stderr
    assert "SECRET" not in done.stderr + done.stdout
