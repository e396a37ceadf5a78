"""What is printed keeps within the terminal, breaks no word, and marks the trial that is taken."""

from __future__ import annotations

import io
import json

import pytest
from click.testing import CliRunner
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from babysit.cli._rows import joined, trial_rows
from babysit.cli._search_table import Live, summary
from babysit.cli._tell import Teller, _Parts
from babysit.cli.show import command as show
from babysit.record.study import Study, Trial
from babysit.tuner.plan import Progress

FIELDS = {
    "lr": 1.34e-3,
    "weight_decay": 1.25e-3,
    "dropout": 0.0897,
    "width": 128,
    "optimizer": "nesterov",
    "schedule": "cosine",
}


def study(chosen=None):
    """Three that were trained again, with means below the single numbers of others; trial 1 is the best."""
    means = [
        Trial(n, FIELDS, state="complete", score=0.98 + 0.001 * (n == 1), sd=0.01, seeds=3, epochs=30) for n in range(3)
    ]
    single = [Trial(n, FIELDS, state="dropped", why="behind at epoch 10", score=1.0, epochs=10) for n in (3, 4)]
    return Study(
        {},
        [*means, *single],
        epochs=30,
        believed=[1, 0, 2],
        chosen=chosen,
        boxes=[{"lr": (1e-4, 0.3), "weight_decay": (0.0, 0.1)}],
    )


def terminal(width):
    return Console(
        file=io.StringIO(), force_terminal=True, width=width, height=60, color_system=None, legacy_windows=False
    )


def printed(console):
    return console.file.getvalue().splitlines()


def everything(width):
    """The lines of a step, facts, a search on its way and at its end, and a progress bar, on a terminal of some width."""
    console = terminal(width)
    teller = Teller(console)
    teller.step("Search", "coarse to fine: many short trials first, then longer ones around the best")
    teller.facts([("learns by", "adam, batches of 16, 56 epochs, cosine, " + "and so on " * 9)])
    teller.study(study())
    now = Progress.of(study(), None, 10.0, 5.0, stage=0, rung=0, until=30, lanes=2, ended=1)
    console.print(Live(console)._picture(now))
    bar = Bar(TextColumn("searching"), BarColumn(8), console=console)
    parts = _Parts(teller, bar)
    parts.text = "loss 0.123, train acc 0.993, val acc 0.986, and so on"
    console.print(parts)
    return printed(console)


@pytest.mark.parametrize("width", [50, 60, 80])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_broken(width):
    lines, whole = everything(width), everything(1000)
    assert max(map(len, lines)) <= width
    assert " ".join(lines).split() == " ".join(whole).split()


def test_one_trial_is_marked_and_the_best_is_the_first_row():
    found = study()
    rows = [row.plain for row in trial_rows(found, 5, None)]
    assert [row.startswith("  ★") for row in rows] == [True, False, False, False, False]
    assert f"{found.best.score:.4f}" in rows[0]
    assert found.table(5).splitlines()[0].endswith("(2 / 5) ★")
    assert found.table(5).count("★") == 1
    assert "3 were trained again with other seeds: theirs are means (±) of 3 seeds" in found.legend()


def test_what_is_chosen_stands_first_and_what_is_not_there_is_not_marked():
    assert trial_rows(study(chosen=2), 5, None)[0].plain.startswith("  ★ val_acc: 0.9800")
    untried = study(chosen=5)
    untried.trials.append(Trial(5, {}, state="dropped", why="the recipe as it was"))
    assert not any("★" in row.plain for row in trial_rows(untried, 9, None))
    assert "★" not in untried.legend()


def test_the_best_that_is_told_on_the_way_is_the_one_in_the_table_below():
    trials = [Trial(0, FIELDS, score=0.9, epochs=30), Trial(1, FIELDS, state="dropped", score=1.0, epochs=2)]
    console = terminal(100)
    console.print(
        Live(console)._picture(
            Progress.of(Study({}, trials), None, 1.0, 1.0, stage=0, rung=0, until=3, lanes=1, ended=0)
        )
    )
    lines = printed(console)
    assert "best 0.9000" in " ".join(lines)
    assert next(line for line in lines if "val_acc" in line).startswith("  ★ val_acc: 0.9000")


def test_elsewhere_each_trial_stays_one_line():
    assert len(trial_rows(study(), 5, None)) == 5


def test_a_search_is_shown(tmp_path):
    (tmp_path / "search-1").mkdir()
    (tmp_path / "search-1/study.json").write_text(json.dumps(study().to_dict()))
    done = CliRunner().invoke(show, [str(tmp_path / "search-1")], catch_exceptions=False)
    assert done.output.startswith("search-1  5 trials in 0 ms: 3 trained to the end, 2 dropped on the way · staged")
    assert done.output.count("val_acc: ") == 5
    assert done.output.count("★ val_acc") == 1
    whole = CliRunner().invoke(show, [str(tmp_path / "search-1"), "--json"], catch_exceptions=False)
    assert len(Study.from_dict(json.loads(whole.output)).trials) == 5


def test_parts_are_joined():
    assert joined([], 10) == []
    assert joined(["a" * 30, "b"], 10) == ["a" * 30 + ",", "b"]
    assert summary(study()) == "5 trials in 0 ms: 3 trained to the end, 2 dropped on the way"


def test_only_the_mark_is_coloured():
    rows = trial_rows(study(chosen=2), 5, None)
    assert [str(row.style) for row in rows] == [""] * len(rows)
    assert {(span.start, span.end) for row in rows for span in row.spans if span.style == "yellow"} == {(0, 4)}
