# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The code blocks of README and of the pages of documentation, in their order, so that tests can run them."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = REPOSITORY / "docs" / "docsite" / "rst"
README = (REPOSITORY / "README.md").read_text()

_TITLE = re.compile(r"^(\S.*)\n([=\-~^])\2+$", re.MULTILINE)
_BLOCK = re.compile(r"^\.\. code-block:: (?P<language>\S+)\n\n(?P<text>(?:(?: +\S.*)?\n)+)", re.MULTILINE)
# How the sentence before a file's block ends: with ``site.yml``: or *Input configuration*: or `a/file <URL>`__:
_CAPTION = re.compile(r"(?:``([^`\n]+)``|\*([^*\n]+)\*|`(\S+) <\S+>`__):\n\n\Z")


@dataclass(frozen=True)
class Block:
    """One code block.

    :param section: the title that it stands under
    :param caption: the name of the file that it shows, where it shows one: the sentence before ends with it
    """

    section: str
    language: str
    caption: str | None
    text: str

    @property
    def commands(self) -> list[str]:
        """The commands of a console block, as they are typed; one may go on on further lines."""
        return [command.strip() for command in self.text.removeprefix("$ ").split("\n$ ")]


def readme_blocks(language: str) -> list[str]:
    """Return README's code blocks in a language."""
    found = re.findall(r"^ *```(\w+)\n(.*?)^ *```$", README, re.MULTILINE | re.DOTALL)
    assert 2 * len(found) == README.count("```"), "a code block is written in a way that the tests cannot read"
    return [textwrap.dedent(text) for its_language, text in found if its_language == language]


def readme_block(language: str, holding: str) -> str:
    """Return README's one code block in a language that holds a string."""
    (found,) = [block for block in readme_blocks(language) if holding in block]
    return found


def blocks(name: str) -> list[Block]:
    """Return all code blocks of a page.

    :param name: of the page, without its ending
    """
    page = (PAGES / f"{name}.rst").read_text()
    titles = [(title.start(), title[1]) for title in _TITLE.finditer(page)]
    found = []
    for block in _BLOCK.finditer(page):
        section = [title for start, title in titles if start < block.start()][-1]
        caption = _CAPTION.search(page, 0, block.start())
        text = textwrap.dedent(block["text"]).strip("\n") + "\n"
        found.append(Block(section, block["language"], caption and caption[caption.lastindex or 0], text))
    assert len(found) == page.count(".. code-block::"), "a code block is written in a way that the tests cannot read"
    return found
