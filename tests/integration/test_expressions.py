# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Expressions and vaulted values through the real commands, with Ansible's default settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.tests.integration.commands import PROJECT_ID, Workplace, bert, ranks
from ansible_collections.navercloud.nsml.tests.simulator import Simulator

FILE = f"plugin: navercloud.nsml.nodes\nproject: {PROJECT_ID}\nrun: 2\n"

FILTERS = """\
class Odd(Exception):
    pass


def fails(value):
    if value == 1:
        raise Odd("odd")
    assert value != 2
    return value


class FilterModule:
    def filters(self):
        return {"fails": fails}
"""


def test_a_filter_plugin_that_raises_anything_costs_no_other_value(tmp_path: Path) -> None:
    with Simulator(bert(ranks(4))) as simulator:
        workplace = Workplace(tmp_path, {**simulator.environment, "ANSIBLE_FILTER_PLUGINS": "filters"})
        workplace.write("filters/fails.py", FILTERS)
        workplace.write("test.nsml.yml", f"{FILE}compose: {{x: nsml_rank | fails}}\n")
        listed = workplace.listed()["_meta"]["hostvars"]
    assert {name: str(variables.get("x")) for name, variables in listed.items()} == {
        "bert-2-0": "0",
        "bert-2-1": "None",
        "bert-2-2": "None",
        "bert-2-3": "3",
    }


@pytest.mark.parametrize("option", ["secret_key", "api_key", "profile", "page_size"])
def test_a_vaulted_value_without_its_password_shows_no_key_beside_it(tmp_path: Path, option: str) -> None:
    with Simulator(bert(ranks(1))) as simulator:
        workplace = Workplace(tmp_path, simulator.environment)
        workplace.write("password", "vault password\n")
        vaulted = workplace.run(
            "ansible-vault", "encrypt_string", "--vault-password-file", "password", "--name", option, "10"
        ).stdout
        keys = [f"{name}: KEYTEXT{name}000" for name in ("access_key", "secret_key", "api_key") if name != option]
        workplace.write("test.nsml.yml", "\n".join([FILE, *keys, vaulted, *(f"# {key}" for key in keys), ""]))
        done = workplace.run("ansible-inventory", "-i", "test.nsml.yml", "--list", "-vvvvv", check=False)
    assert "Failed to parse" in done.stderr
    assert "KEYTEXT" not in done.stdout + done.stderr


def test_a_condition_in_braces_is_an_error_that_shows_no_key_beside_it(tmp_path: Path) -> None:
    with Simulator(bert(ranks(1))) as simulator:
        workplace = Workplace(tmp_path, simulator.environment)
        workplace.write("test.nsml.yml", f"{FILE}secret_key: KEYTEXTsecret000\nfilters: ['{{{{ nsml_ready }}}}']\n")
        done = workplace.run("ansible-inventory", "-i", "test.nsml.yml", "--list", "-vvvvv")
    printed = " ".join((done.stdout + done.stderr).split())
    assert "Syntax error in 'filters'" in printed
    assert "Remove the braces" in printed
    assert "KEYTEXT" not in printed


def test_the_keys_of_keyed_groups_are_those_that_ansible_documents(tmp_path: Path) -> None:
    page = Workplace(tmp_path).run("ansible-doc", "-t", "inventory", "navercloud.nsml.nodes", "--json").stdout
    options = json.loads(page)["navercloud.nsml.nodes"]["doc"]["options"]
    assert set(options["keyed_groups"]["suboptions"]) == {
        "key",
        "prefix",
        "separator",
        "parent_group",
        "default_value",
        "trailing_separator",
    }
