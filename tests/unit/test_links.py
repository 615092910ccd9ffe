# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of links finds each one that leads nowhere, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.tests.links import broken

PAGE = """\
<link href="_static/site%20style.css?v=1"><a href="#here" id="here"></a><a href="pages/one.html#part"></a>
<a href="https://example.com/nowhere"></a><a href="//example.com/nowhere"></a><a href="mailto:nobody@example.com"></a>
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name, content in {
        "index.html": PAGE,
        "pages/one.html": '<h1 id="part"><a name="old"></a></h1><a href="../index.html"></a><a href="#"></a>',
        "_static/site style.css": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def test_links_that_lead_to_a_file_an_anchor_or_another_site_are_not_listed(site: Path) -> None:
    assert list(broken(site)) == []


@pytest.mark.parametrize(
    "element",
    [
        '<a href="../missing.html">',
        '<a href="../pages/">',
        '<a href="#missing">',
        '<a href="../index.html#missing">',
        '<a href="../index.html#Here">',
        '<img src="missing.svg">',
        '<script src="../_static/missing.js?v=1"></script>',
    ],
)
def test_a_link_to_a_missing_file_or_anchor_is_listed(site: Path, element: str) -> None:
    (site / "pages" / "two.html").write_text(f'<a href="one.html#old"></a>{element}')
    link = element.split('"')[1]
    assert list(broken(site)) == [f"pages/two.html: {link}"]
