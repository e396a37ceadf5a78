"""What follows a script goes to the script; an option of ours among it is told."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from babysit.cli import cure, watch
from babysit.errors import BabysitError

SAYS = "--json stands after {} and goes to it; ours stand before it"


@pytest.mark.parametrize(
    "words", [["--json", "out.json"], ["--json=out.json"], ["--epochs", "5", "--json", "out.json"]]
)
def test_watch_tells_an_option_that_the_script_gets(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "none.py").write_text("import sys; print(sys.argv[1:])\n")
    done = CliRunner().invoke(watch.command, ["--no-record", "none.py", *words])
    assert SAYS.format("none.py") in done.stderr
    assert str(words) in done.stdout  # it is the script's all the same
    assert not (tmp_path / "out.json").exists()


def test_watch_is_silent_where_the_order_is_right_or_the_option_is_the_scripts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(
        "import argparse; p = argparse.ArgumentParser(); p.add_argument('--json'); p.parse_args()\n"
    )
    for words in (["--json", "out.json", "own.py"], ["own.py", "--json", "x"], ["own.py", "--", "--json"]):
        done = CliRunner().invoke(watch.command, ["--no-record", *words])
        assert "stands after" not in done.stderr


def test_cure_tells_it_before_it_begins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cure.command, ["--no-record", "missing.py", "--apply", "--json", "out.json"])
    assert "--apply and --json stand after missing.py and go to it" in done.stderr
    assert isinstance(done.exception, BabysitError)
