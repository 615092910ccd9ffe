# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sphinx's settings for `nox -s docs`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

GALAXY = yaml.safe_load((Path(__file__).parents[2] / "galaxy.yml").read_text(encoding="utf-8"))

project = "{namespace}.{name}".format(**GALAXY)
project_copyright = f"2026, {', '.join(GALAXY['authors'])}"
extensions = ["sphinx_antsibull_ext", "sphinx_copybutton"]
html_theme = "sphinx_rtd_theme"
html_title = project
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
default_role = "any"
nitpicky = True
# What a copy button leaves out: line numbers, and the prompts of commands.
copybutton_exclude = ".linenos, .gp"

# These lead to Ansible's own documentation, which is not at hand when this is built.
nitpick_ignore_regex = [("envvar", "ANSIBLE_.*")]

# Pages link each other, and README's section on installing, where the code host renders them. On the site, these links stay on
# the site.
PAGES = f"{GALAXY['repository']}/blob/main/docs/docsite/rst/"
INSTALL = f"{GALAXY['repository']}#installation"

# Where the source of a page is, by the page's path on the site. Generated pages have none, or are named here.
EDIT = f"{GALAXY['repository']}/edit/main/"
SOURCES = {"index": "docs/docsite/index.rst", "nodes_inventory": "plugins/inventory/nodes.py"}

# The first line of examples that are several YAML documents.
FORMAT = "# fmt: yaml+jinja\n"


def setup(app: Sphinx) -> None:
    """Have Sphinx change each page that it has read."""
    app.connect("doctree-read", stay_on_the_site)
    app.connect("doctree-read", prefer_first)
    app.connect("doctree-read", colour_examples)
    app.connect("missing-reference", settings_of_ansible)
    app.connect("html-page-context", link_source)


def stay_on_the_site(_app: Sphinx, page: nodes.document) -> None:
    """Let each link to another page lead to that page of the site."""
    for link in page.findall(nodes.reference):
        if link.get("refuri", "").startswith(PAGES):
            link["refuri"] = link["refuri"].removeprefix(PAGES).replace(".rst", ".html")
        elif link.get("refuri") == INSTALL:
            link["refuri"] = "../index.html#install"


def prefer_first(_app: Sphinx, page: nodes.document) -> None:
    """Reverse the environment variables of each option: Ansible prefers the last of them, and readers expect the first."""
    for settings in page.findall(nodes.bullet_list):
        variables = [item for item in settings if item.astext().startswith("Environment variable: ")]
        places = [settings.index(item) for item in variables]
        for place, item in zip(places, reversed(variables)):
            settings[place] = item


def colour_examples(_app: Sphinx, page: nodes.document) -> None:
    """Highlight the examples of a plugin, and remove their first line, which names a format that antsibull-docs does not know.

    Without that line, ansible-test of ansible-core 2.16 accepts only one YAML document.
    """
    for block in list(page.findall(nodes.literal_block)):
        if block.astext().startswith(FORMAT):
            text = block.astext().removeprefix(FORMAT)
            block.replace_self(nodes.literal_block(text, text, language="yaml+jinja"))


def settings_of_ansible(_app: Sphinx, _environment: Any, link: pending_xref, content: nodes.Node) -> nodes.reference | None:
    """Return the link to Ansible's own settings that the page of environment variables has."""
    if link["reftarget"] != "ansible_configuration_settings":
        return None
    url = "https://docs.ansible.com/ansible/latest/reference_appendices/config.html"
    return nodes.reference("", "Ansible Configuration Settings", refuri=url)


def link_source(_app: Sphinx, name: str, _template: str, context: dict[str, Any], _page: nodes.document | None) -> None:
    """Let the link at the top of a page lead to the editor of its source, and leave it out where there is none."""
    directory, _slash, page = name.rpartition("/")
    source = f"docs/docsite/rst/{page}.rst" if directory == "docsite" else SOURCES.get(name)
    context["display_vcs_links"] = source is not None
    context["meta"] = {**(context.get("meta") or {}), "github_url": f"{EDIT}{source}"}
