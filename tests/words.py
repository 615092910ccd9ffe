# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List the words that style gave up: `python -m tests.words`.

They are searched in names, docstrings and comments, in the messages of plugins, and in all pages that people read.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Each pattern with what to write instead. A name is searched word by word: `test_each_option` has three.
BOTH = {
    r"houses?": "architecture",
    r"rooms?": "module",
    r"doors?": "inventory plugin",
    r"roads?": "data flow",
    r"texts": "strings",
    r"truths?": "boolean",
    r"bears?": "has, is named",
    r"harmless": "safe",
    r"mend(s|ed|ing)?": "fix",
    r"patience": "wait options, seconds",
    r"drafts?": "plan",
    r"meanings": "update",
    r"fingerprints?": "key",
}
PROSE = {
    r"in vain": "say what did not happen",
    r"whole numbers?": "integer",
    r"(a|no|any|every|each|one) text": "string",
    r"look-ups? in passing": "optional request",
    r"hold(s)? [^.,;:]{1,40} against": "compare with",
}
# In messages and on pages.
PAGES = {
    r"(?<!there\s)is no (?!longer|more|such)": "is not a, must be a",
    r"(is|are|was|were) called": "is named",
    r"(is|are) asked for": "the chosen runs",
    r"what there is": "the available ...",
    r"look(s|ed)? at": "check",
    r"over and over": "repeatedly",
    r"of no use": "has no effect",
    r"anew": "again",
    r"tells? of": "describe",
    r"stands? (here|there)": "is",
    r"for good": "permanently",
    r"the like": "the exact words",
    r"come(s)? along": "is included",
}
NAMES = {
    r"vain": "say what did not happen",
    r"(?-i:\A(?:Known|Given)\Z)": "ExistingNames, CredentialOptions",
    r"tells?|told": "notify, verbose, warning, printed",
    r"says?|said": "report, print, log",
    r"looks?": "update, check",
}


FILES = (
    "*.md",
    "*-environment.yml",
    ".github/**/*.*",
    "changelogs/fragments/*.yml",
    "docs/*.md",
    "docs/docsite/**/*.rst",
    "docs/examples/**/*.*",
    "tests/benchmark/*.md",
    "tests/simulator/*.yml",
)


def main() -> int:
    """Print each place, and return 1 if there is one."""
    modules = [file for folder in ("extensions", "plugins", "tests") for file in sorted((ROOT / folder).rglob("*.py"))]
    found = [line for file in modules for line in check(file.relative_to(ROOT), file.read_text(encoding="utf-8"))]
    found += [line for file in pages() for line in check_page(file.relative_to(ROOT), file.read_text(encoding="utf-8"))]
    print(*found, sep="\n")
    print(f"{len(found)} words that style gave up", file=sys.stderr)
    return bool(found)


def pages() -> list[Path]:
    """Return the files that people read."""
    return [file for pattern in FILES for file in sorted(ROOT.glob(pattern)) if file.is_file()]


def check(path: Path, source: str) -> Iterator[str]:
    """Yield a line for each word in a module that style gave up."""
    tree = ast.parse(source)
    places = [(1, "name of the module", " ".join(words(path.stem)), BOTH | NAMES)]
    places += [(line, f"name {name}", " ".join(words(name)), BOTH | NAMES) for line, name in sorted(set(names(tree)))]
    places += [(line, "docstring", prose, BOTH | PROSE) for line, prose in docstrings(tree)]
    places += [(line, "comment", prose, BOTH | PROSE) for line, prose in comments(source)]
    if path.parts[0] in ("extensions", "plugins"):
        places += [(line, "message", prose, BOTH | PROSE | PAGES) for line, prose in strings(tree)]
    for line, place, searched, patterns in places:
        yield from search(path, line, place, searched, patterns)


def check_page(path: Path, page: str) -> Iterator[str]:
    """Yield a line for each word on a page, or in a file of an example, that style gave up."""
    yield from search(path, 1, "page", page, BOTH | PROSE | PAGES)


def search(path: Path, line: int, place: str, searched: str, patterns: dict[str, str]) -> Iterator[str]:
    """Yield a line for each match; a space in a pattern also matches the end of a line."""
    for pattern, instead in patterns.items():
        spaced = pattern.replace(" ", r"\s+")
        for match in re.finditer(rf"\b({spaced})\b", searched, re.IGNORECASE):
            found = " ".join(match[0].split())
            yield f"{path}:{line + searched.count(chr(10), 0, match.start())}: {found!r} in {place}: write {instead}"


def words(name: str) -> list[str]:
    """Return the words of a name, in snake case or camel case."""
    return re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)


def names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of all that a module defines: functions, classes, arguments, variables and attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the value of each docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str() as prose)) as first, *_]:
                    yield first.lineno, prose


def strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the value of each string that is not a docstring."""
    documented = set(docstrings(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and (node.lineno, node.value) not in documented:
            yield node.lineno, node.value


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the words of each comment."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


if __name__ == "__main__":
    sys.exit(main())
