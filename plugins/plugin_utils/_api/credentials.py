# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Return the three credentials from the options, then the environment, then ``~/.ncloud/configure``.

The access key and the secret key are a pair: the two halves never come from different pairs. The API key belongs to the
subscription of the gateway, and is not in that file. Ansible reads both the options and the environment variables, and passes one
value for each key.
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

_CONFIGURE = "~/.ncloud/configure"
_LARGEST_FILE = 1024**2

_ENVIRONMENT = {
    "access_key": "NCLOUD_ACCESS_KEY_ID or NCLOUD_ACCESS_KEY",
    "secret_key": "NCLOUD_SECRET_ACCESS_KEY or NCLOUD_SECRET_KEY",
    "api_key": "NCLOUD_NSML_API_KEY or NCP_APIGW_API_KEY",
}

# A shorter string could be in strings without a secret by chance.
_SHORTEST_SECRET = 8


@dataclass(frozen=True)
class Credentials:
    """The keys that sign a request. A dataclass, because its repr can leave out the keys.

    :param origin: where each key comes from, in words
    """

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    api_key: str = field(repr=False)
    origin: str = field(default="", repr=False, compare=False)

    def redact(self, text: str) -> str:
        """Return a string with each secret replaced by ``***``: plain, quoted, in hex or Base64, in upper or lower case."""
        lowered = _lower(text)
        for form in self._forms:
            if form in lowered:
                text = _without(form, text, lowered)
                lowered = _lower(text)
        return text

    @property
    def secrets(self) -> list[str]:
        """The secret key and the API key, which no output may contain."""
        return [secret for secret in (self.secret_key, self.api_key) if len(secret) >= _SHORTEST_SECRET]

    @cached_property
    def _forms(self) -> list[str]:
        return sorted({form.lower() for secret in self.secrets for form in _forms(secret)}, key=len, reverse=True)


def _lower(text: str) -> str:
    """Return a string in lower case, with the same length. Only İ would become longer."""
    return text.replace("İ", "I").lower()


def _without(form: str, text: str, lowered: str) -> str:
    """Return a string with each occurrence of a form of a secret replaced by ``***``. In many megabytes, a pattern is slower."""
    parts, start = [], 0
    while (found := lowered.find(form, start)) >= 0:
        parts += [text[start:found], "***"]
        start = found + len(form)
    return "".join([*parts, text[start:]])


def _forms(secret: str) -> Iterator[str]:
    """Yield the forms in which a string may contain a secret: plain, quoted for a URL or for JSON, in hex, in Base64."""
    plain = secret.encode()
    yield from (secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1], plain.hex())
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(plain).decode().rstrip("=")
        for before in range(3):  # in a longer string, whose bytes change the first and last letter
            yield encode(bytes(before) + plain).decode()[-(-before * 8 // 6) : (before + len(plain)) * 8 // 6]


@dataclass(frozen=True)
class CredentialOptions:
    """The credentials in the options and the environment. Each may be missing. The repr leaves out the secret ones.

    :param profile: the section of the file; None means the keys before any section, or ``DEFAULT``
    :param origins: where each key comes from, in words, by option
    """

    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    profile: str | None = None
    origins: Mapping[str, str] = field(default_factory=dict)


def resolve(given: CredentialOptions, *, warning: Callable[[str], object]) -> Credentials:
    """Return all three credentials.

    :param warning: prints a warning about a file that other users can read
    :raises ConfigurationError: a key is missing or cannot be sent, the file cannot be read, or it lacks the profile
    """
    access_key, secret_key, is_stored = _pair(given, warning)
    keys = {"access_key": access_key, "secret_key": secret_key, "api_key": given.api_key}
    for name, value in keys.items():
        _check(name, value)
    return Credentials(str(access_key), str(secret_key), str(given.api_key), _origin(given, is_stored=is_stored))


def resolve_access_key(given: CredentialOptions, *, warning: Callable[[str], object]) -> str:
    """Return only the access key, as :func:`resolve` finds it.

    :param warning: prints a warning about a file that other users can read
    :raises ConfigurationError: the key is missing or cannot be sent, the file cannot be read, or it lacks the profile
    """
    access_key, _secret_key, _is_stored = _pair(given, warning)
    _check("access_key", access_key)
    return str(access_key)


def _pair(given: CredentialOptions, warning: Callable[[str], object]) -> tuple[str | None, str | None, bool]:
    """Return the access key, the secret key, and whether they come from the file.

    If only one key is given, the file completes it only if the file has the same access key.
    """
    if given.access_key and given.secret_key:
        return given.access_key, given.secret_key, False
    path = Path(os.path.expanduser(_CONFIGURE))  # noqa: PTH111  pathlib's own method fails for a user without a home directory
    stored = _read_profile(path, given.profile, warning)
    if given.secret_key or (given.access_key and given.access_key != stored.get("ncloud_access_key_id")):
        return given.access_key, given.secret_key, False
    return stored.get("ncloud_access_key_id"), stored.get("ncloud_secret_access_key"), True


def _origin(given: CredentialOptions, *, is_stored: bool) -> str:
    """Return where each key comes from, in words.

    :param is_stored: whether the access key and the secret key come from the file
    """
    profile = f"{_CONFIGURE}, profile {given.profile or 'DEFAULT'!r}"
    places = {
        name: profile if is_stored and name != "api_key" else given.origins.get(name, "an option or the environment")
        for name in _ENVIRONMENT
    }
    return "; ".join(f"'{name}' from {place}" for name, place in places.items())


def _read_profile(path: Path, profile: str | None, warning: Callable[[str], object]) -> dict[str, str]:
    """Return the keys of one profile of the file. There are none if the file does not exist and no profile is chosen."""
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
    """Parse both forms of the file: lines of ``key=value``, and INI sections (source: the vendor's SDKs)."""
    # No section is the parser's own default section, from which the other profiles would inherit keys.
    parser = configparser.RawConfigParser(default_section="", delimiters=("=",), strict=False, empty_lines_in_values=False)
    try:
        parser.read_string("[DEFAULT]\n" + text)
    except configparser.ParsingError as error:
        # The parser's own message quotes the line, which may contain the secret.
        raise ConfigurationError(
            f"Cannot read {path}: line {error.errors[0][0] - 1} is neither key=value nor [profile]. Correct this line."
        ) from None
    return parser


def _check(name: str, value: str | None) -> None:
    """Refuse a credential that is missing, or that a header cannot contain. Its value is never shown."""
    if not value:
        file, rule = (
            f", or the key in the file {_CONFIGURE}",
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
