"""Names: what is said of a wrong one, and pages and lists that a narrow terminal shows whole."""

from __future__ import annotations

import os
import re

import pytest

from babysit.cli import _message, main
from babysit.cli.explain import _joined, _pages
from babysit.errors import BabysitError

PAGES = _pages()


@pytest.mark.parametrize(("words", "near", "lists"), [
    (("explain", "nonsense"), [], "`babysit explain` lists all"), (("explain", "overfit"), ["overfitting"], "`babysit explain` lists all"),
    (("claim", "nonsense"), [], "`babysit claim` lists all"), (("claim", "relu-can-dye"), ["relu-can-die"], "`babysit claim` lists all"),
    (("claim", "relu"), ["leaky-relu-does-not-die"], "`babysit claim` lists all"),
    (("check", "digits", "--only", "nons"), [], "`babysit check --list` lists all"),
])  # fmt: skip
def test_of_a_wrong_name_the_nearest_are_said_first_then_how_to_list_all(capsys, words, near, lists):
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert len(told) < 240
    assert told.rstrip().endswith(told[told.index(lists) :].rstrip())
    for one in near:
        assert f"did you mean {one}" in told
    assert ("did you mean" in told) == bool(near)


def test_a_message_is_wrapped_between_words_where_a_person_reads_it(monkeypatch):
    error = BabysitError(
        "a recipe has no field 'x' (there are: " + ", ".join(f"field-{index}" for index in range(40)) + ")"
    )
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((60, 24)))
    lines = _message(error).split("\n")
    assert max(map(len, lines)) <= 60
    assert " ".join(" ".join(lines).split()) == f"babysit: {error}"
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    assert _message(error) == f"babysit: {error}"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_keeps_its_words_and_its_paragraphs_become_lines(name):
    page = PAGES[name][1]
    lines = [line for _, line in _joined(page)]
    assert " ".join(lines).split() == page.split()
    told = page.partition("Args:")[0].partition("Examples:")[0].strip()
    paragraphs = [" ".join(one.split()) for one in re.split(r"\n\s*\n", told)]
    assert [one for one in lines[: 2 * len(paragraphs)] if one][: len(paragraphs)] == paragraphs
