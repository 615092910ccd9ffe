# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words that style gave up are found where they stand, and nowhere else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.tests.words import ROOT, check, check_page, pages, strings


@pytest.mark.parametrize(
    ("source", "line", "word"),
    [
        ('"""Each option.\n\nIs a truth."""', 3, "truth"),
        ("x = 1\n# A room of its own.", 2, "room"),
        ("def test_it_waits_in_vain(): ...", 1, "vain"),
        ("class Known: ...", 1, "Known"),
        ("def read(texts): ...", 1, "texts"),
        ("for harmless in 'abc': ...", 1, "harmless"),
        ("self.draft = 1", 1, "draft"),
        ('class Plan:\n    """Bears a name."""', 2, "Bears"),
    ],
)
def test_a_word_in_a_name_docstring_or_comment_is_found_with_its_line(source: str, line: int, word: str) -> None:
    (found,) = check(Path("plugins/nodes.py"), source)
    assert found.startswith(f"plugins/nodes.py:{line}: '{word}' in ")


def test_a_word_in_the_name_of_a_module_is_found() -> None:
    assert list(check(Path("plugins/_patience.py"), "")) != []


@pytest.mark.parametrize(
    ("page", "word"), [("Mend\nit.", "Mend"), ("A key is\nno string.", "is no"), ("It is called x.", "is called")]
)
def test_a_word_on_a_page_is_found_with_its_line(page: str, word: str) -> None:
    (found,) = check_page(Path("README.md"), page)
    assert found.startswith(f"README.md:1: '{word}' in page")


@pytest.mark.parametrize("page", ["There is no release yet.", "The run is no longer chosen.", "The plugin is no more than that."])
def test_right_english_on_a_page_is_left_alone(page: str) -> None:
    assert list(check_page(Path("README.md"), page)) == []


@pytest.mark.parametrize("path", ["plugins/nodes.py", "extensions/eda/plugins/event_source/nodes.py"])
def test_a_word_in_a_message_of_a_plugin_is_found(path: str) -> None:
    (found,) = check(Path(path), 'message = "The key is no string."')
    assert found.startswith(f"{path}:1: 'is no' in message")


@pytest.mark.parametrize(
    "path", ["README.md", "CONTRIBUTING.md", "SECURITY.md", ".github/ISSUE_TEMPLATE/bug.yml", "docs/performance.md"]
)
def test_the_page_is_searched(path: str) -> None:
    assert ROOT / path in pages()


def test_the_strings_of_a_module_are_those_that_are_not_docstrings() -> None:
    assert list(strings(ast.parse('"""A docstring."""\nx = "a message"\n'))) == [(2, "a message")]


@pytest.mark.parametrize("source", ["known_hosts = 1", "file.read_text()", "text = 1", "mushroom = 1"])
def test_other_strings_and_other_words_are_left_alone(source: str) -> None:
    assert list(check(Path("plugins/nodes.py"), source)) == []
