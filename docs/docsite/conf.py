# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sphinx's settings for `nox -s docs`."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx

project = "navercloud.nsml"
extensions = ["sphinx_antsibull_ext"]
html_theme = "sphinx_rtd_theme"
html_copy_source = False
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
default_role = "any"
nitpicky = True

# These lead to Ansible's own documentation, which is not at hand when this is built.
nitpick_ignore_regex = [("envvar", "ANSIBLE_.*"), ("ref", "ansible_configuration_settings")]

# Pages link each other where the code host renders them. On the site, these links stay on the site.
PAGES = "https://github.com/navercloud/ansible-collection-nsml/blob/main/docs/docsite/rst/"


def setup(app: Sphinx) -> None:
    """Have Sphinx change the links of each page that it has read."""
    app.connect("doctree-read", stay_on_the_site)


def stay_on_the_site(_app: Sphinx, page: nodes.document) -> None:
    """Let each link to another page lead to that page of the site."""
    for link in page.findall(nodes.reference):
        if link.get("refuri", "").startswith(PAGES):
            link["refuri"] = link["refuri"].removeprefix(PAGES).replace(".rst", ".html")
