# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports run one way: from the plugins down to the errors, never back and never in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections.navercloud.nsml."
UTILS = "plugins.plugin_utils."

# The lowest layer first. A module may import those of its own layer and of the layers below.
LAYERS = (
    (f"{UTILS}_errors", f"{UTILS}_values"),
    (f"{UTILS}_api",),
    (f"{UTILS}_runs",),
    (f"{UTILS}_hosts",),
    (f"{UTILS}_options", f"{UTILS}_config_file"),
    (f"{UTILS}_event_source",),
    ("plugins.inventory", "extensions"),
)

FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for folder in ("plugins", "extensions")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.stem != "__init__"
}


def layer(module: str) -> int:
    """Return the number of a module's layer."""
    (found,) = (number for number, names in enumerate(LAYERS) if any(f"{module}.".startswith(f"{name}.") for name in names))
    return found


def imported(source: str) -> Iterator[str]:
    """Yield the name of all that a module imports, for types alone too, as `package.name` where it may be a module."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)
            case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str() as name)]):
                yield name


def own_imports(source: str) -> set[str]:
    """Return the modules of the collection that a module imports."""
    names = [name.removeprefix(COLLECTION) for name in imported(source) if name.startswith(COLLECTION)]
    return {name if name in FILES else name.rpartition(".")[0] for name in names}


IMPORTS = {module: own_imports(path.read_text(encoding="utf-8")) for module, path in FILES.items()}


@pytest.mark.parametrize("module", FILES)
def test_a_module_imports_nothing_of_a_higher_layer(module: str) -> None:
    assert IMPORTS[module] <= FILES.keys() | {UTILS.rstrip(".")}
    assert [name for name in IMPORTS[module] & FILES.keys() if layer(name) > layer(module)] == []


def test_imports_form_no_circle() -> None:
    assert set(TopologicalSorter(IMPORTS).static_order()) >= FILES.keys()


@pytest.mark.parametrize("module", [module for module in FILES if layer(module) <= layer(f"{UTILS}_runs")])
def test_what_reads_the_service_does_not_import_ansible(module: str) -> None:
    names = imported(FILES[module].read_text(encoding="utf-8"))
    assert [name for name in names if name.partition(".")[0] == "ansible"] == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import {}", "plugins.plugin_utils._options"),
        ("from {} import check as check_options", "plugins.plugin_utils._options"),
        ("from ansible_collections.navercloud.nsml.plugins.plugin_utils import _options", "plugins.plugin_utils._options"),
        ("def later():\n    from {} import Options", "plugins.plugin_utils._options"),
        ("if TYPE_CHECKING:\n    from {} import Options", "plugins.plugin_utils._options"),
        ("importlib.import_module('{}')", "plugins.plugin_utils._options"),
    ],
)
def test_an_import_is_found_however_it_is_written(source: str, name: str) -> None:
    assert own_imports(source.format(COLLECTION + name)) == {name}
