# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The site as `nox -s docs` has built it: what the settings of Sphinx and antsibull-docs are there for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.navercloud.nsml.plugins.inventory.nodes import DOCUMENTATION
from ansible_collections.navercloud.nsml.tests.integration.pages import PAGES, REPOSITORY

SITE = REPOSITORY / "build" / "docs"
GALAXY = yaml.safe_load((REPOSITORY / "galaxy.yml").read_text())
FILES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
PLUGIN = (SITE / "nodes_inventory.html").read_text()


def words(html: str) -> str:
    """Return what a reader sees of an element."""
    return " ".join(re.sub(r"<[^>]*>", "", html).split())


@pytest.mark.parametrize("name", FILES)
def test_each_page_names_the_collection_the_holders_of_its_rights_and_no_way_to_install_that_fails(name: str) -> None:
    page = (SITE / name).read_text()
    assert f"{GALAXY['namespace']}.{GALAXY['name']}</title>" in page
    assert f"Copyright 2026, {', '.join(GALAXY['authors'])}." in words(page)
    assert "UNKNOWN" not in page
    assert "collection install navercloud.nsml" not in page
    assert "galaxy.ansible.com" not in page


@pytest.mark.parametrize("name", FILES)
def test_each_page_leads_to_the_editor_of_its_source_if_it_has_one(name: str) -> None:
    links = re.findall(rf'href="{GALAXY["repository"]}/edit/main/([^"]*)"', (SITE / name).read_text())
    assert all((REPOSITORY / link).is_file() for link in links)
    of_page = f"docs/docsite/rst/{Path(name).stem}.rst"
    written = {"index.html": ["docs/docsite/index.rst"], "nodes_inventory.html": ["plugins/inventory/nodes.py"]}
    assert links == ([of_page] if name.startswith("docsite/") else written.get(name, []))


@pytest.mark.parametrize("name", ["index.html", "docsite/guide.html"])
def test_the_menu_has_each_page(name: str) -> None:
    menu = re.findall(r'class="toctree-l1[^"]*"><a class="[^"]*" href="([^"]*)"', (SITE / name).read_text())
    targets = {((SITE / name).parent / link).resolve() for link in menu if "://" not in link and link != "#"}
    pages = {SITE / "docsite" / f"{page.stem}.html" for page in PAGES.glob("*.rst")}
    assert targets | {SITE / name} >= {*pages, SITE / "nodes_inventory.html", SITE / "environment_variables.html"}


def test_the_environment_variables_of_an_option_stand_in_their_order_of_preference() -> None:
    for name, option in yaml.safe_load(DOCUMENTATION)["options"].items():
        _before, _anchor, after = PLUGIN.partition(f'id="parameter-{name}"')
        shown = re.findall(r"Environment variable: (\w+)", words(after.partition("</tr>")[0]))
        assert shown == [variable["name"] for variable in reversed(option.get("env", []))]


def test_the_examples_have_colours_and_prompts_are_marked_for_the_copy_button() -> None:
    example = PLUGIN.partition('id="examples"')[2].partition("</pre>")[0]
    assert '<span class="nt">plugin</span>' in example
    guide = (PAGES / "guide.rst").read_text()
    prompts = re.findall(r'<span class="gp">\$ </span>', (SITE / "docsite" / "guide.html").read_text())
    assert len(prompts) == len(re.findall(r"^ +\$ ", guide, re.MULTILINE))
    assert "exclude = '.linenos, .gp'" in (SITE / "_static" / "copybutton.js").read_text()


def test_links_between_pages_stay_on_the_site() -> None:
    for name in FILES:
        page = (SITE / name).read_text()
        assert "/blob/main/docs/docsite/" not in page
        assert f"{GALAXY['repository']}#" not in page
