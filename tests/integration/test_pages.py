# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each page renders whole where README's links lead: code hosts render it with docutils alone.

Pages show files of docs/examples. Where one has changed, this writes it into the pages anew:

    UPDATE_DOCS=1 pytest tests/integration/test_pages.py
"""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path

import pytest
from docutils import nodes
from docutils.core import publish_doctree

from ansible_collections.navercloud.nsml.tests.integration.examples import EXAMPLES
from ansible_collections.navercloud.nsml.tests.integration.pages import PAGES, REPOSITORY, blocks, readme_block

NAMES = sorted(page.stem for page in PAGES.glob("*.rst"))
ALL_PAGES = pytest.mark.parametrize("name", NAMES)
HOST = "https://github.com/navercloud/ansible-collection-nsml/"
SHOWN = re.compile(
    rf"<{HOST}blob/main/docs/examples/(?P<path>\S+)>`__:\n\n\.\. code-block:: \S+\n\n(?P<text>(?:(?: +\S.*)?\n)+?)(?=\n\S|\Z)"
)


def rendered(page: str) -> nodes.document:
    """Return a page as a code host renders it; a warning is an error."""
    settings = {
        "file_insertion_enabled": False,
        "raw_enabled": False,
        "halt_level": 2,
        "report_level": 2,
        "_disable_config": True,
    }
    document: nodes.document = publish_doctree(page, settings_overrides=settings)
    return document


@ALL_PAGES
def test_each_code_block_is_rendered_by_docutils_alone(name: str) -> None:
    page = (PAGES / f"{name}.rst").read_text()
    assert len(list(rendered(page).findall(nodes.literal_block))) == page.count(".. code-block::")


@ALL_PAGES
def test_each_link_and_picture_leads_to_a_file_of_the_repository(name: str) -> None:
    page = rendered((PAGES / f"{name}.rst").read_text())
    links = [link["refuri"].partition("#")[0] for link in page.findall(nodes.reference) if "refuri" in link]
    paths = [re.sub(rf"{HOST}(blob|tree)/main/", "", link) for link in links if re.match(rf"{HOST}(blob|tree)/", link)]
    pictures = [PAGES / picture["uri"] for picture in page.findall(nodes.image)]
    for path in [*(REPOSITORY / path for path in paths), *pictures]:
        assert path.exists(), path


@ALL_PAGES
def test_each_example_on_a_page_is_the_file(name: str) -> None:
    path = PAGES / f"{name}.rst"
    page = path.read_text()
    current = SHOWN.sub(lambda shown: shown[0].replace(shown["text"], example(shown["path"])), page)
    if "UPDATE_DOCS" in os.environ:
        path.write_text(current)
    assert page == current or "UPDATE_DOCS" in os.environ, "update the page with UPDATE_DOCS=1, see the head of this file"


def test_the_pages_show_examples() -> None:
    assert len(SHOWN.findall((PAGES / "examples.rst").read_text())) == 16
    assert len(SHOWN.findall((PAGES / "events.rst").read_text())) == 3


def test_the_first_page_of_the_site_installs_as_readme_and_begins_as_the_guide() -> None:
    install, *first_step = [(block.caption, block.text) for block in blocks("../index")]
    assert install == (None, readme_block("console", "ansible-galaxy collection install"))
    guide = [(block.caption, block.text) for block in blocks("guide")]
    assert first_step == guide[: len(first_step)]


def example(path: str) -> str:
    """Return a file of docs/examples as a page shows it: indented, and without its licence."""
    licence = re.compile(r"^# (Copyright|GNU|SPDX).*\n", re.MULTILINE)
    return textwrap.indent(licence.sub("", (EXAMPLES / Path(path)).read_text()), "   ")
