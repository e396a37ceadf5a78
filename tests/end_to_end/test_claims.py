"""`babysit claim` and `babysit claims` as they are typed: a name, data of one's own, a page, JSON, an interrupt."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import sys

import pytest

from babysit.claims import claims
from babysit.claims._measure import Order, measure
from tests.units.data import make

from .command import cli


def test_a_table_of_ones_own_is_told_whole_however_narrow_the_pipe(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    flowers = make.flowers(tmp_path / "flowers.csv")
    assert cli("claim", "initial-loss-is-ln-k", "--data", flowers, "--seeds", 3) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "undecided" in told or "does not hold: N(0, 1)" in told
    assert "the first steps go into unlearning them." in told, "nothing is cut off"
    assert re.search(r"again babysit claim initial-loss-is-ln-k --data \S+flowers.csv --target \w+ --seeds 3", told)


def test_json_and_page(tmp_path, capsys):
    page = tmp_path / "page.html"
    assert cli("claims", "--quick", "--only", "maxout-generalizes", "--workers", 1, "--json", "--page", page) == 0
    (plain,) = json.loads(capsys.readouterr().out)
    assert list(plain) == ["id", "verdict", "effect", "interval", "seeds", "seconds"]
    assert plain["verdict"] == "holds"
    assert plain["seeds"] == 5
    text = page.read_text(encoding="utf-8")
    assert "<svg" in text
    assert "http://" not in re.sub(r'(href|xmlns)="[^"]*"', "", text), "nothing is loaded from elsewhere"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["claim", "random-beats-gird"], 2, "did you mean random-beats-grid?"),
        (["claim", "he-fixes-it", "--data", "nothing.csv"], 3, "nothing.csv"),
        (["claim", "he-fixes-it", "--data", "diabetes"], 3, "about classes"),
        (["claim", "he-fixes-it", "--seeds", 1], 2, "seeds"),
        (["claims", "--only", "nothing-of-the-kind"], 2, "babysit claim"),
    ],
)
def test_what_is_wrong_is_said_with_its_exit_code(capsys, words, code, told):
    assert cli(*words) == code
    assert told in capsys.readouterr().err


def test_without_a_name_all_are_listed(capsys):
    assert cli("claim") == 0
    listed = capsys.readouterr().out
    assert all(f"{name} " in listed for name in claims())


@pytest.mark.slow
def test_an_interrupt_doesnt_wait_for_what_is_being_measured():
    others = set(multiprocessing.active_children())
    results = measure(["maxout-generalizes-relu", "mean-image-or-channel-mean"], Order(seeds=5), workers=2)
    assert next(results).id == "maxout-generalizes-relu"
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt)
    assert set(multiprocessing.active_children()) <= others


def test_on_a_terminal_the_bar_makes_room_for_each_line(tmp_path):
    """What is seen on a narrow screen where both streams end: each claim's name on a line of its own, its number below."""
    pyte, pty = pytest.importorskip("pyte"), pytest.importorskip("pty")
    screen = pyte.HistoryScreen(60, 40)
    stream = pyte.ByteStream(screen)

    def read(fd: int) -> bytes:
        data = os.read(fd, 1 << 14)
        stream.feed(data)
        return data

    command = [
        sys.executable,
        "-m",
        "babysit",
        "claims",
        "--quick",
        "--data",
        "iris",
        "--only",
        "maxout",
        "--workers",
        "1",
    ]
    place = {"COLUMNS": "60", "LINES": "40", "TERM": "xterm-256color"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in place.items():
            patch.setenv(name, value)
        pty.spawn(command, read)
    lines = [line.rstrip() for line in screen.display if line.strip()]
    assert "✔ maxout-generalizes-relu" in lines, lines
    assert lines[lines.index("✔ maxout-generalizes-relu") + 1].startswith("    ")
    assert not any("measuring" in line for line in lines)
