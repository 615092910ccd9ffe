# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file is meant for the plugin by the end of its name, or by the plugin that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._config_file import is_meant_for

NAME = "navercloud.nsml.nodes"


def taken(directory: Path, content: str, name: str = "any.yml") -> bool:
    """Return whether a file with this content is taken."""
    (directory / name).write_text(content)
    return is_meant_for(str(directory / name), NAME)


@pytest.mark.parametrize(
    "content",
    [
        f"plugin: {NAME}\n",
        f"---\n# mine\nrun: 2\nplugin: '{NAME}'\n",
        f'{{"run": 2, "plugin": "{NAME}"}}\n',
        f"plugin: !unsafe {NAME}\n",
        f"plugin: {NAME}\napi_key: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\nother: !any [1]\n",
        f"plugin: other\nplugin: {NAME}\n",
        "$ANSIBLE_VAULT;1.1;AES256\n6162\n",
    ],
)
def test_a_file_that_names_the_plugin_is_taken(tmp_path: Path, content: str) -> None:
    assert taken(tmp_path, content)
    assert taken(tmp_path, content, "any.yaml")
    assert not taken(tmp_path, content, "any.txt")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "plugin: ansible.builtin.constructed\n",
        f"# {NAME}\nplugin: other.nodes\n",
        f"plugin: {NAME}.other\n",
        f"plugin: {NAME}\nplugin: other\n",
        f"- plugin: {NAME}\n",
        f"all: {{vars: {{plugin: {NAME}}}}}\n",
        f"? [plugin]\n: {NAME}\n",
        f"plugin: [{NAME}]\n",
        f"plugin: {NAME}\nbroken: [\n",
        f"{NAME}\n",
    ],
)
def test_a_file_that_does_not_name_the_plugin_is_left_to_others(tmp_path: Path, content: str) -> None:
    assert not taken(tmp_path, content)


@pytest.mark.parametrize("name", ["nsml.yml", "nsml.yaml", "bert.nsml.yml"])
def test_a_file_with_a_name_of_the_plugins_own_is_taken_without_being_read(tmp_path: Path, name: str) -> None:
    assert is_meant_for(str(tmp_path / name), NAME)


def test_a_yaml_file_of_others_is_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(*_arguments: object, **_options: object) -> None:
        pytest.fail("a file without the name of the plugin was parsed")

    monkeypatch.setattr("yaml.compose", parse)

    assert not taken(tmp_path, "plugin: ansible.builtin.constructed\n")


def test_a_folder_is_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "folder.yml").mkdir()

    assert not is_meant_for(str(tmp_path / "folder.yml"), NAME)
