# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an inventory costs, in exact counts: requests, connections, modules loaded, templates compiled."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2
import pytest

from ansible_collections.navercloud.nsml.tests.integration.commands import PROJECT_ID, Workplace, bert, ranks
from ansible_collections.navercloud.nsml.tests.simulator import Simulator
from ansible_collections.navercloud.nsml.tests.unit.inventory import load

SMALLEST = f"plugin: navercloud.nsml.nodes\nproject: {PROJECT_ID}\nrun: 2\n"
CACHED = "cache: true\ncache_plugin: ansible.builtin.jsonfile\ncache_connection: cache\n"
ONLY_WHEN_READ = {"requests", "urllib3"}


def keys(simulator: Simulator) -> str:
    """Return the options that lead to a simulator."""
    has = simulator.credentials
    return f"api_url: {simulator.url}\naccess_key: {has.access_key}\nsecret_key: {has.secret_key}\napi_key: {has.api_key}\n"


def loaded_modules(workplace: Workplace) -> set[str]:
    """Return the names of all modules that a command loads."""
    done = workplace.run("ansible-inventory", "-i", "test.nsml.yml", "--list")
    return set(re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE))


def test_a_cached_inventory_makes_no_request_and_loads_no_library_that_only_reading_needs(tmp_path: Path) -> None:
    with Simulator(bert(ranks(3))) as simulator:
        workplace = Workplace(tmp_path, {**simulator.environment, "PYTHONPROFILEIMPORTTIME": "1"})
        workplace.write("test.nsml.yml", SMALLEST + CACHED)
        assert loaded_modules(workplace) >= ONLY_WHEN_READ
        made = len(simulator.requests)
        assert not loaded_modules(workplace) & ONLY_WHEN_READ
        assert len(simulator.requests) == made == 1


@pytest.mark.parametrize("concurrency", [1, 3])
def test_pages_share_as_many_connections_as_may_be_under_way_at_once(tmp_path: Path, concurrency: int) -> None:
    with Simulator(bert(ranks(75))) as simulator:
        workplace = Workplace(tmp_path, simulator.environment)
        workplace.write("test.nsml.yml", f"{SMALLEST}page_size: 10\nconcurrency: {concurrency}\n")
        workplace.listed()
        assert len(simulator.requests) == 8
        assert simulator.connections <= concurrency


NAMES = """
compose: {one: nsml_rank, two: nsml_state}
keyed_groups: [{key: nsml_resource_type}, {key: nsml_container_image, prefix: image}]
hostnames: [nsml_node_id]
"""


@pytest.mark.parametrize(
    ("text", "expressions"),
    [
        ("", 0),
        (NAMES, 0),
        ("compose: {one: nsml_rank + 1}\n", 1),
        ("filters: [nsml_rank >= 0]\nhostnames: [\"'n' ~ nsml_rank\"]\n", 2),
    ],
)
def test_each_expression_of_the_user_is_compiled_once_and_nothing_else_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expressions: int
) -> None:
    compiled = []
    compile_template = jinja2.Environment.compile

    def count(self: jinja2.Environment, source: Any, *args: Any, **kwargs: Any) -> Any:
        compiled.append(source)
        return compile_template(self, source, *args, **kwargs)

    with Simulator(bert(ranks(5))) as simulator:
        (tmp_path / "warm-up").mkdir()
        options = f"{SMALLEST}{keys(simulator)}{text}"
        load(tmp_path / "warm-up", options)
        monkeypatch.setattr(jinja2.Environment, "compile", count)
        assert len(load(tmp_path, options).names) == 5
    assert len(compiled) == expressions
