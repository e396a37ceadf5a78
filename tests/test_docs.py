"""The documentation runs, and what exists is documented."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import babysit

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
MODULES = sorted(
    info.name for info in pkgutil.walk_packages(babysit.__path__, "babysit.") if not info.name.endswith("__main__")
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_run(page, empty_folder):
    result = doctest.testfile(str(page), module_relative=False, optionflags=FLAGS)
    assert result.failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_docstrings_run(name, empty_folder):
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"needs an optional package: {error}")
    assert doctest.testmod(module, optionflags=FLAGS).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in link and not link.startswith("mailto:"):
            assert (page.parent / link).exists(), f"{page.name} links to {link}, which is not there"


def test_every_verb_is_in_the_readme():
    from babysit.cli import VERBS

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    here = {path.stem for path in (ROOT / "src" / "babysit" / "cli").glob("*.py")}
    for verb in VERBS:
        if verb in here:
            assert f"babysit {verb}" in readme, f"the README never shows `babysit {verb}`"


def test_every_recipe_field_is_documented():
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    for name, _, meaning, _ in babysit.Recipe.describe():
        assert meaning
        assert f"`{name}`" in text, f"the recipe's field {name} is on no page of the documentation"


def test_the_readmes_check_catches_what_it_shows():
    text = (ROOT / "README.md").read_text()
    (script,) = re.findall(r"^babysit check (examples/\S+)$", text, re.M)
    shown = re.search(r"```\n( ✖ .*?)```", text, re.S)[1].splitlines()
    command = [sys.executable, "-m", "babysit", "check", "--only", "loss-gets-scores", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert [re.sub(r"   [\d.]+ s$", "", line) for line in done.stdout.splitlines()[: len(shown)]] == shown


def test_options_of_the_readmes_commands_stand_before_what_they_work_on():
    text = (ROOT / "README.md").read_text()
    commands = re.findall(r"^babysit (train|watch|check|cure|search|export) (.+)$", text, re.M)
    assert len(commands) > 8
    for verb, words in commands:
        ours = {name for one in importlib.import_module(f"babysit.cli.{verb}").command.params for name in one.opts}
        _, _, after = re.match(r"(.*? )??(digits|\S*[./]\S*)( .*)?$", words).groups()
        assert not ours & set((after or "").split()), f"{verb} {words}"
