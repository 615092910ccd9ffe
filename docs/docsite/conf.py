# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sphinx's settings for `nox -s docs`."""

from __future__ import annotations

project = "navercloud.nsml"
extensions = ["sphinx_antsibull_ext"]
html_theme = "sphinx_rtd_theme"
html_copy_source = False
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
default_role = "any"
nitpicky = True

# These lead to Ansible's own documentation, which is not at hand when this is built.
nitpick_ignore_regex = [("envvar", "ANSIBLE_.*"), ("ref", "ansible_configuration_settings")]
