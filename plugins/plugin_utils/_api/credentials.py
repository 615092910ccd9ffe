# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The three credentials: from the options, then the environment, then ``~/.ncloud/configure``.

Access key and secret key are a pair: half of one is never completed from that file with half of another. The API key belongs to
the gateway's subscription and is not kept there. Options and environment variables arrive here already as one value each: Ansible
reads both.
"""

from __future__ import annotations

import base64
import configparser
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError

CONFIGURE = "~/.ncloud/configure"
_LARGEST_FILE = 1024**2

_ENVIRONMENT = {
    "access_key": "NCLOUD_ACCESS_KEY_ID or NCLOUD_ACCESS_KEY",
    "secret_key": "NCLOUD_SECRET_ACCESS_KEY or NCLOUD_SECRET_KEY",
    "api_key": "NCLOUD_NSML_API_KEY or NCP_APIGW_API_KEY",
}

# A shorter string would be found by chance in strings without a secret.
_SHORTEST_SECRET = 8


@dataclass(frozen=True)
class Credentials:
    """What signs a request. Its repr shows no key.

    :param origin: where each key comes from, in words
    """

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    api_key: str = field(repr=False)
    origin: str = field(default="", repr=False, compare=False)

    def redact(self, text: str) -> str:
        """Return the text with each secret in it, plain, quoted, in hex or Base64, in any letter case, replaced by ``***``."""
        lowered = _lower(text)
        for form in self._forms:
            if form in lowered:
                text = _without(form, text, lowered)
                lowered = _lower(text)
        return text

    @property
    def secrets(self) -> list[str]:
        """The keys that no output may show."""
        return [secret for secret in (self.secret_key, self.api_key) if len(secret) >= _SHORTEST_SECRET]

    @cached_property
    def _forms(self) -> list[str]:
        return sorted({form.lower() for secret in self.secrets for form in _forms(secret)}, key=len, reverse=True)


def _lower(text: str) -> str:
    """Return a string in lower case, as long as it was: İ alone would become longer."""
    return text.replace("İ", "I").lower()


def _without(form: str, text: str, lowered: str) -> str:
    """Return a string with ``***`` for each place where it holds a form of a secret; no pattern is as quick in many megabytes."""
    parts, start = [], 0
    while (found := lowered.find(form, start)) >= 0:
        parts += [text[start:found], "***"]
        start = found + len(form)
    return "".join([*parts, text[start:]])


def _forms(secret: str) -> Iterator[str]:
    """Yield the ways in which a string may hold a secret: as it is, quoted for a URL or for JSON, in hex, in Base64."""
    plain = secret.encode()
    yield from (secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1], plain.hex())
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(plain).decode().rstrip("=")
        for before in range(3):  # inside a longer string; the first and the last letter stand for its neighbours too
            yield encode(bytes(before) + plain).decode()[-(-before * 8 // 6) : (before + len(plain)) * 8 // 6]


@dataclass(frozen=True)
class CredentialOptions:
    """What the options and the environment give; each may be missing.

    :param profile: the section of the file; None means the keys before any section, or ``DEFAULT``
    :param origins: where each of the keys comes from, in words, by its name
    """

    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    profile: str | None = None
    origins: Mapping[str, str] = field(default_factory=dict)


def resolve(given: CredentialOptions, *, warning: Callable[[str], object], configure: str = CONFIGURE) -> Credentials:
    """Return all three credentials.

    :param warning: told about a file that others can read
    :raises ConfigurationError: one is missing or cannot be sent; the file is malformed or has no such profile
    """
    access_key, secret_key, is_stored = _pair(given, _home_path(configure), warning)
    keys = {"access_key": access_key, "secret_key": secret_key, "api_key": given.api_key}
    for name, value in keys.items():
        _check(name, value, configure)
    return Credentials(str(access_key), str(secret_key), str(given.api_key), _origin(given, configure if is_stored else None))


def resolve_access_key(given: CredentialOptions, *, warning: Callable[[str], object], configure: str = CONFIGURE) -> str:
    """Return the access key alone, as :func:`resolve` finds it.

    :raises ConfigurationError: it is missing, or the file is malformed or has no such profile
    """
    access_key, _secret_key, _is_stored = _pair(given, _home_path(configure), warning)
    _check("access_key", access_key, configure)
    return str(access_key)


def _home_path(path: str) -> Path:
    return Path(os.path.expanduser(path))  # noqa: PTH111  pathlib's own fails for a user who has no home


def _pair(given: CredentialOptions, path: Path, warning: Callable[[str], object]) -> tuple[str | None, str | None, bool]:
    """Return the pair, completed from the file, and whether it is the file's.

    A half that was given is never joined with the other half of another pair.
    """
    if given.access_key and given.secret_key:
        return given.access_key, given.secret_key, False
    stored = _read_profile(path, given.profile, warning)
    if given.secret_key or (given.access_key and given.access_key != stored.get("ncloud_access_key_id")):
        return given.access_key, given.secret_key, False
    return stored.get("ncloud_access_key_id"), stored.get("ncloud_secret_access_key"), True


def _origin(given: CredentialOptions, configure: str | None) -> str:
    """Return where each key comes from, in words.

    :param configure: the file that the pair comes from, None where it was given
    """
    profile = f"{configure}, profile {given.profile or 'DEFAULT'!r}"
    places = {
        name: profile if configure and name != "api_key" else given.origins.get(name, "an option or the environment")
        for name in _ENVIRONMENT
    }
    return "; ".join(f"'{name}' from {place}" for name, place in places.items())


def _read_profile(path: Path, profile: str | None, warning: Callable[[str], object]) -> dict[str, str]:
    """Return the keys of one profile of the file, none when the file does not exist."""
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST_FILE:
            raise ConfigurationError(f"Cannot read {path}: not a regular file, or larger than 1 MiB. Replace or remove {path}.")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        if profile:
            raise ConfigurationError(
                f"Profile {profile!r} was not found: the file {path} does not exist. Create the file, or unset 'profile'."
            ) from None
        return {}
    except OSError as error:
        raise ConfigurationError(
            f"Cannot read {path}: {error.strerror}. Check the owner and the permissions of the file."
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"Cannot read {path}: the encoding is not UTF-8. Save the file as UTF-8.") from None
    if about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        warning(f"Other users can read the secret key in {path}. Run: chmod 600 {path}")
    sections = _parse(text, path)
    name = profile or "DEFAULT"
    if not sections.has_section(name):
        known = ", ".join(sections.sections())
        raise ConfigurationError(f"Profile {name!r} was not found in {path}. Available profiles: {known}.")
    return dict(sections.items(name))


def _parse(text: str, path: Path) -> configparser.RawConfigParser:
    """Parse both shapes of the file: bare ``key=value`` lines, and INI sections (source: the vendor's SDKs)."""
    # No section is the parser's own default: a profile never takes a key from another one.
    parser = configparser.RawConfigParser(default_section="", delimiters=("=",), strict=False, empty_lines_in_values=False)
    try:
        parser.read_string("[DEFAULT]\n" + text)
    except configparser.ParsingError as error:
        # The parser's own words quote the line, which may hold the secret.
        raise ConfigurationError(
            f"Cannot read {path}: line {error.errors[0][0] - 1} is neither key=value nor [profile]. Correct this line."
        ) from None
    return parser


def _check(name: str, value: str | None, configure: str) -> None:
    """Refuse a credential that is missing, or that no header can carry (its text is never shown)."""
    if not value:
        file, rule = (
            f", or the key in the file {configure}",
            " The plugin takes the access key and the secret key both from this file, or neither.",
        )
        if name == "api_key":
            file = rule = ""
        raise ConfigurationError(
            f"'{name}' is not set. Set the option '{name}', or the environment variable {_ENVIRONMENT[name]}{file}.{rule}"
        )
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ConfigurationError(
            f"Invalid value for '{name}': the key contains a space, line break or other invalid character. Copy the key again."
        )
