# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The strings of the plugin that a message can be made of."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ansible_collections.navercloud.nsml.tests.integration.pages import REPOSITORY

# Stands for a value that is put into a string.
PUT_IN = "\N{REPLACEMENT CHARACTER}"


def printable_strings() -> Iterator[str]:
    """Yield each string of the plugin's code, docstrings and the documentation of options left out."""
    for file in sorted((REPOSITORY / "plugins").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            for child in ast.iter_child_nodes(node) if not is_documentation(node) else ():
                match child:
                    case ast.JoinedStr(values=parts):
                        yield "".join(str(part.value) if isinstance(part, ast.Constant) else PUT_IN for part in parts)
                    case ast.Constant(value=str() as value) if not isinstance(node, ast.JoinedStr):
                        yield value


def is_documentation(node: ast.AST) -> bool:
    """Return whether the children of a node can be a docstring, or are the documentation of a plugin."""
    match node:
        case ast.Assign(targets=[ast.Name(id="DOCUMENTATION" | "EXAMPLES")]) | ast.Expr():
            return True
    return False
