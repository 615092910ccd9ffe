# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An Ansible module in place of this machine's package manager: a package is a file in the node's home.

Where a pipe lies beside them, it waits until somebody writes to it.
"""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Install what is asked for and missing."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["present"], "required": True},
        },
        supports_check_mode=True,
    )
    folder = Path.home() / "packages"
    missing = [folder / name for name in module.params["name"] if not (folder / name).exists()]
    if not module.check_mode:
        pipe = Path.home() / "held"
        if pipe.exists():
            pipe.read_text()
        folder.mkdir(exist_ok=True)
        for package in missing:
            package.touch()
    module.exit_json(changed=bool(missing))


if __name__ == "__main__":
    main()
