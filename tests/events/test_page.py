# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the page Event-Driven Ansible says is done with the real ansible-rulebook."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.navercloud.nsml.tests.events.engine import rulebook
from ansible_collections.navercloud.nsml.tests.integration.commands import Workplace
from ansible_collections.navercloud.nsml.tests.integration.pages import blocks
from ansible_collections.navercloud.nsml.tests.integration.test_events_page import RULEBOOKS
from ansible_collections.navercloud.nsml.tests.simulator import Simulator
from ansible_collections.navercloud.nsml.tests.simulator.__main__ import demonstration


def test_the_first_event_comes_as_written(tmp_path: Path) -> None:
    _install, rules, run, shown = blocks("events")[:4]
    assert rules.caption
    ((_program, *arguments),) = (command.split() for command in run.commands)
    with Simulator(demonstration(20), ssh=True) as simulator:
        workplace = Workplace(tmp_path)
        workplace.write(rules.caption, rules.text)
        with rulebook(tmp_path, simulator.environment, *arguments) as engine:
            for line in shown.text.splitlines():
                engine.wait_for(f"^{line}$")


@pytest.mark.parametrize("path", RULEBOOKS, ids=lambda path: path.name)
def test_a_rulebook_is_one_by_the_engines_own_schema(path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    import_module("ansible_rulebook.validators").Validate.rulebook(content)
    (ruleset,) = import_module("ansible_rulebook.rules_parser").parse_rule_sets(content, {"nsml_project": "bert"})
    actions: set[str] = {action.action for rule in ruleset.rules for action in rule.actions}
    runs: Any = actions - {"debug"}
    assert runs == ({"run_job_template"} if path.parent.name == "rulebooks" else {"run_playbook"})
