# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List the links of a built site that lead nowhere: `python -m tests.links build/docs`. Links to other sites are not followed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the links and the anchors of an element."""
        self.links += [value for name, value in attrs if name in ("href", "src") and value]
        self.anchors |= {value for name, value in attrs if name in ("id", "name") and value}


def broken(site: Path) -> Iterator[str]:
    """Yield a line for each link of the site's pages to a file or an anchor that is not there."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        for link in page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            if not target.is_file() or (target in pages and unquote(url.fragment) not in pages[target].anchors):
                yield f"{path.relative_to(site.resolve())}: {link}"


def main() -> int:
    """Print each broken link, and return 1 if there is one."""
    found = list(broken(Path(sys.argv[1])))
    print(*found, sep="\n")
    print(f"{len(found)} broken links", file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
