# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/examples as a whole; the commands of their READMEs are run by the tests of each."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.navercloud.nsml.tests.integration.examples import EXAMPLES


def test_each_example_is_run_by_a_test_of_its_name() -> None:
    directories = (Path(__file__).parent, Path(__file__).parents[1] / "events")
    tests = {path.stem.removeprefix("test_examples_") for place in directories for path in place.glob("test_examples_*.py")}
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} <= tests


def test_the_links_lead_somewhere() -> None:
    for page in EXAMPLES.rglob("*.md"):
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
            assert (page.parent / target).exists(), target
