# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The three credentials, and the file ~/.ncloud/configure."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from ansible_collections.navercloud.nsml.plugins.plugin_utils._api.credentials import (
    CredentialOptions,
    Credentials,
    resolve,
    resolve_access_key,
)
from ansible_collections.navercloud.nsml.plugins.plugin_utils._errors import ConfigurationError

API_KEY = "api-key-of-the-gateway"
PLAIN = "ncloud_access_key_id=fileAccess\nncloud_secret_access_key=fileSecret\n"
PROFILES = (
    "[DEFAULT]\nncloud_access_key_id = fileAccess\nncloud_secret_access_key = fileSecret\n"
    "[work]\nncloud_access_key_id = workAccess\nncloud_secret_access_key = workSecret\n"
    "[half]\nncloud_access_key_id = halfAccess\n"
)


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def configure() -> Path:
    path = Path("~/.ncloud/configure").expanduser()
    path.parent.mkdir()
    path.touch(0o600)
    return path


def read(
    warnings: list[str], access_key: str | None = None, secret_key: str | None = None, profile: str | None = None
) -> tuple[str, str]:
    found = resolve(CredentialOptions(access_key, secret_key, API_KEY, profile), warning=warnings.append)
    return found.access_key, found.secret_key


def refused(warnings: list[str], profile: str | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(warnings, profile=profile)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


def test_keys_that_are_given_need_no_file(warnings: list[str], configure: Path) -> None:
    configure.write_bytes(b"\xff malformed")
    assert read(warnings, "access", "secret", profile="none") == ("access", "secret")
    assert resolve(CredentialOptions("access", "secret", API_KEY), warning=warnings.append) == Credentials(
        "access", "secret", API_KEY
    )
    assert resolve_access_key(CredentialOptions("access", "secret", profile="none"), warning=warnings.append) == "access"
    assert warnings == []


@pytest.mark.parametrize(
    "given",
    [CredentialOptions(secret_key="mySecret"), CredentialOptions(profile="half"), CredentialOptions("access", profile="none")],
)
def test_an_access_key_that_no_request_could_use_names_no_cache_either(configure: Path, given: CredentialOptions) -> None:
    configure.write_text(PROFILES.replace("ncloud_access_key_id = halfAccess", "other = x"))
    messages = []
    for resolve_keys in (resolve, resolve_access_key):
        with pytest.raises(ConfigurationError) as caught:
            resolve_keys(given, warning=print)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize(
    ("text", "profile", "expected"),
    [
        (PLAIN, None, ("fileAccess", "fileSecret")),
        (PLAIN, "DEFAULT", ("fileAccess", "fileSecret")),
        (PLAIN.replace("=", " = "), None, ("fileAccess", "fileSecret")),
        (PLAIN.replace("\n", "\r\n"), None, ("fileAccess", "fileSecret")),
        ("\ufeff" + PLAIN, None, ("fileAccess", "fileSecret")),
        ("# mine\n\n" + PLAIN.replace("=", "=%(x)s%"), None, ("%(x)s%fileAccess", "%(x)s%fileSecret")),
        (PLAIN.replace("=", "=a=b=="), None, ("a=b==fileAccess", "a=b==fileSecret")),
        (PLAIN.replace("=", "=a:b#c;"), None, ("a:b#c;fileAccess", "a:b#c;fileSecret")),
        (PLAIN.replace("ncloud_", "NCLOUD_"), None, ("fileAccess", "fileSecret")),
        (PLAIN.replace("\n", "\n\n  "), None, ("fileAccess", "fileSecret")),
        (PROFILES, None, ("fileAccess", "fileSecret")),
        (PROFILES, "work", ("workAccess", "workSecret")),
        (PLAIN + PROFILES.partition("fileSecret\n")[2], "work", ("workAccess", "workSecret")),
    ],
)
def test_both_shapes_of_the_file_are_read(
    warnings: list[str], configure: Path, text: str, profile: str | None, expected: tuple[str, str]
) -> None:
    configure.write_text(text, encoding="utf-8", newline="")
    assert read(warnings, profile=profile) == expected
    assert resolve_access_key(CredentialOptions(profile=profile), warning=warnings.append) == expected[0]
    assert warnings == []


@pytest.mark.parametrize(
    ("access_key", "secret_key", "missing"),
    [("another", None, "secret_key"), (None, "secret", "access_key"), ("fileAccess", "secret", None), ("fileAccess", None, None)],
)
def test_halves_of_two_pairs_are_never_joined(
    warnings: list[str], configure: Path, access_key: str | None, secret_key: str | None, missing: str | None
) -> None:
    configure.write_text(PLAIN)
    if missing:
        with pytest.raises(ConfigurationError, match=rf"^'{missing}' is not set.*both from this file, or neither"):
            read(warnings, access_key, secret_key)
    else:
        assert read(warnings, access_key, secret_key) == ("fileAccess", secret_key or "fileSecret")


def test_a_profile_takes_no_key_from_another(warnings: list[str], configure: Path) -> None:
    configure.write_text(PROFILES)
    assert "'secret_key' is not set" in refused(warnings, "half")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("access_key", ["option 'access_key'", "NCLOUD_ACCESS_KEY_ID or NCLOUD_ACCESS_KEY", "~/.ncloud/configure"]),
        ("secret_key", ["option 'secret_key'", "NCLOUD_SECRET_ACCESS_KEY or NCLOUD_SECRET_KEY", "~/.ncloud/configure"]),
        ("api_key", ["option 'api_key'", "NCLOUD_NSML_API_KEY or NCP_APIGW_API_KEY"]),
    ],
)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_credential_names_all_that_was_tried(name: str, words: list[str], value: str | None) -> None:
    given = {"access_key": "access", "secret_key": "secret", "api_key": "api", name: value}
    with pytest.raises(ConfigurationError) as caught:
        resolve(CredentialOptions(given["access_key"], given["secret_key"], given["api_key"]), warning=print)
    text = str(caught.value)
    assert text.startswith(f"'{name}' is not set")
    assert all(part in text for part in words)
    assert ("configure" in text) == (name != "api_key")


def test_a_missing_api_key_is_not_looked_for_in_the_file() -> None:
    with pytest.raises(ConfigurationError, match=r"or the environment variable \w+ or \w+\.$"):
        resolve(CredentialOptions("access", "secret"), warning=print)


@pytest.mark.parametrize(
    ("access_key", "words"),
    [(None, "^'access_key' is not set.*~/.ncloud"), ("a b", "^Invalid value for 'access_key': the key contains")],
)
def test_an_access_key_alone_is_checked_likewise(access_key: str | None, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        resolve_access_key(CredentialOptions(access_key), warning=print)


@pytest.mark.parametrize("name", ["access_key", "secret_key", "api_key"])
@pytest.mark.parametrize("value", ["top secret", "top\nsecret", "topsecret\n", "top\x00secret", "tópsecret", "topsecret\x1b"])
def test_a_credential_that_no_header_can_carry_is_refused_unseen(name: str, value: str) -> None:
    given = {"access_key": "access", "secret_key": "secret", "api_key": "api", name: value}
    with pytest.raises(ConfigurationError, match=f"^Invalid value for '{name}': the key contains") as caught:
        resolve(CredentialOptions(given["access_key"], given["secret_key"], given["api_key"]), warning=print)
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (PLAIN + "theSecretItself\n", 3),
        ("theSecretItself\n" + PLAIN, 1),
        (PROFILES + "[theSecretItself\n", 9),
        (PLAIN + "\n\n= theSecretItself\n", 5),
        ("ncloud_secret_access_key: theSecretItself", 1),
    ],
)
def test_a_malformed_file_names_the_line_and_never_its_content(
    warnings: list[str], configure: Path, text: str, line: int
) -> None:
    configure.write_text(text)
    words = refused(warnings)
    assert f"{configure}: line {line} " in words
    assert "theSecretItself" not in words


def test_a_file_that_is_not_utf8_is_an_error_that_names_the_encoding(warnings: list[str], configure: Path) -> None:
    configure.write_bytes(PLAIN.encode("utf-16"))
    assert refused(warnings) == f"Cannot read {configure}: the encoding is not UTF-8. Save the file as UTF-8."


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.write_bytes(b"#" * 1_100_000)])
def test_a_file_that_is_no_file_of_keys_is_refused_at_once(
    warnings: list[str], configure: Path, make: Callable[[Path], object]
) -> None:
    configure.unlink()
    make(configure)
    assert refused(warnings).startswith(f"Cannot read {configure}: not a regular file, or larger than 1 MiB.")


def test_a_file_that_cannot_be_read_is_an_error_with_the_reason(warnings: list[str]) -> None:
    Path("~/.ncloud").expanduser().touch()
    assert re.fullmatch(r"Cannot read .*/configure: Not a directory\. Check the owner and .*\.", refused(warnings))


def test_a_profile_that_the_file_lacks_is_an_error_with_those_it_has(warnings: list[str], configure: Path) -> None:
    configure.write_text(PROFILES)
    assert refused(warnings, "home") == f"Profile 'home' was not found in {configure}. Available profiles: DEFAULT, work, half."


def test_a_profile_without_a_file_is_an_error(warnings: list[str]) -> None:
    assert refused(warnings, "work").startswith("Profile 'work' was not found: the file")


def test_a_user_without_a_home_gets_the_error_of_missing_keys(warnings: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.getuid", lambda: 987654)
    assert refused(warnings).startswith("'access_key' is not set")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_file_that_others_can_open_is_warned_about_once(warnings: list[str], configure: Path, mode: int) -> None:
    configure.write_text(PLAIN)
    configure.chmod(mode)
    assert read(warnings) == ("fileAccess", "fileSecret")
    shown = f"Other users can read the secret key in {configure}. Run: chmod 600 {configure}"
    assert warnings == [shown]
    assert resolve_access_key(CredentialOptions(), warning=warnings.append) == "fileAccess"
    assert warnings == [shown, shown]


def test_no_repr_shows_a_credential() -> None:
    credentials = Credentials("theAccessKey", "theSecretKey", "theApiKey")
    assert repr(credentials) == str(credentials) == "Credentials()"


def test_redact_cuts_where_the_secret_stands_whatever_letters_are_before_it() -> None:
    redact = Credentials("theAccessKey", "the-secret", "another-secret").redact
    assert redact("İİ the-secret, THE-SECRET and another-secret ß") == "İİ ***, *** and *** ß"


@pytest.mark.parametrize("secret", ["plain-secret", 'odd/"+%\\secret~', "secret-api-key"])
def test_redact_finds_a_secret_in_every_usual_form(secret: str) -> None:
    redact = Credentials("theAccessKey", secret, "another-secret").redact
    encoded = base64.b64encode(secret.encode()).decode()
    urlsafe = base64.urlsafe_b64encode(secret.encode()).decode()
    escaped = secret.replace("\\", "\\\\").replace('"', '\\"')
    for form in (secret, quote(secret), quote(secret, safe=""), encoded, encoded.rstrip("="), urlsafe, escaped):
        assert re.fullmatch(r"before \*\*\*=* after", redact(f"before {form} after"))
        assert re.fullmatch(r"before \*\*\*=* after", redact(f"before {form.swapcase()} after"))
    assert redact(f"before {secret.encode().hex()} after") == "before *** after"
    for before in ("", "a", "ab", "abc"):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            longer = encode(f"{before}{secret}z".encode()).decode()
            assert re.search(r"\*\*\*.{0,6}$", redact(longer)), longer
    assert redact("before another-secret after theAccessKey") == "before *** after theAccessKey"


def test_a_secret_too_short_to_differ_from_other_words_is_not_redacted() -> None:
    assert Credentials("theAccessKey", "seconds", "project").redact("a project, 2 seconds") == "a project, 2 seconds"
    assert Credentials("theAccessKey", "seconds", "projects").redact("projects, 2 seconds") == "***, 2 seconds"
