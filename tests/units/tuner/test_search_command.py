"""`babysit search`: what is told, what is printed, what is refused."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from babysit.cli.search import command
from babysit.errors import DataError, RecipeError
from babysit.record.study import Study


def call(*words):
    return CliRunner().invoke(command, [*words], catch_exceptions=False)


def test_a_source_a_space_and_fields(tmp_path):
    space = tmp_path / "space.toml"
    space.write_text("lr = {log = [1e-3, 0.3]}\nwidth = [4, 8]\n")
    done = call("iris", str(space), "depth=1", "optimizer=nesterov", "--trials", "8", "--epochs", "2", "--seeds", "1", "--json",
                "--out", str(tmp_path / "out"))  # fmt: skip
    study = Study.from_dict(json.loads(done.stdout))
    assert len(study.trials) == 8
    assert set(study.best.params) == {"lr", "width"}
    assert "networks at once" in done.stderr or "one by one" in done.stderr
    again = call("iris", str(space), "depth=1", "optimizer=nesterov", "--trials", "8", "--epochs", "2", "--seeds", "1",
                 "--out", str(tmp_path / "out"))  # fmt: skip
    assert again.stdout.count("val_acc") == 8


def test_the_lectures_lines_and_the_report(tmp_path):
    done = call(
        "iris", "--fields", "lr", "--trials", "4", "--epochs", "2", "--seeds", "1", "--report", str(tmp_path / "r.html")
    )
    assert done.stdout.startswith("val_acc: ")
    assert "/ 4)" in done.stdout
    assert (tmp_path / "r.html").exists()


def test_a_model_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "mynet.py").write_text(
        "from torch import nn\n"
        "def make(shape, classes, width=8): return nn.Sequential(nn.Linear(shape[0], width), nn.ReLU(), nn.Linear(width, classes))\n"
    )
    monkeypatch.chdir(tmp_path)
    done = call("mynet.py:make", "iris", "--fields", "lr,width", "--trials", "4", "--epochs", "2", "--seeds", "1")
    assert done.stdout.count("width:") == 4


@pytest.mark.parametrize(
    ("words", "error", "told"),
    [
        (["iriss"], DataError, "did you mean iris"),
        (["iris", "lrr=1"], RecipeError, "did you mean lr"),
        (["iris", "a.toml", "b.toml"], RecipeError, "one space"),
        (["iris", "wine"], RecipeError, "one source"),
        (["train.py"], RecipeError, "--space space.toml"),
        (["mynet.py:make"], RecipeError, "the data must follow"),
        (["iris", "--fields", "lrr"], RecipeError, "did you mean lr"),
        (["iris", "--time", "soon"], RecipeError, "90s, 5m, 1h"),
        (["iris", "--engine", "warp"], RecipeError, "engine has no 'warp'"),
    ],
)
def test_what_is_refused(words, error, told):
    with pytest.raises(error, match=told):
        call(*words)
