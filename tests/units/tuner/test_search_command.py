"""`babysit search`: what is told, what is printed, what is refused."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from babysit.cli.search import command
from babysit.errors import DataError, RecipeError
from babysit.record.study import Study
from babysit.views.source import read_study


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """A search keeps its study under runs/ where it is called."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


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


def test_a_wrong_name_is_said_before_the_data_are_read(empty_folder):
    (empty_folder / "mynet.py").write_text("def make(hp): ...")
    with pytest.raises(RecipeError, match=r"mynet.py has no 'maker' \(did you mean make\?\): it has make"):
        call("mynet.py:maker", "missing.csv", "--fields", "lr")
    (empty_folder / "netsofmine.py").write_text("def make(hp): ...")
    with pytest.raises(RecipeError, match=r"netsofmine has no 'nosuch': it has make"):
        call("missing.csv", "model=netsofmine:nosuch", "--fields", "lr")


QUICK = ["iris", "--fields", "lr", "--trials", "4", "--epochs", "2", "--seeds", "1"]


def test_each_search_is_kept_in_a_folder_of_its_own(empty_folder):
    told = [call(*QUICK).stderr for _ in range(2)]
    for number in (1, 2):
        study = read_study(empty_folder / f"runs/search-iris-{number}")
        assert study.ended
        assert len(study.trials) == 4
        assert f"kept in runs/search-iris-{number}" in told[number - 1]


def test_a_search_that_never_began_leaves_no_folder(empty_folder):
    with pytest.raises(RecipeError):
        call("iris", "--fields", "lrr")
    assert not list(empty_folder.iterdir())


def test_ctrl_c_keeps_everything_and_the_command_that_is_printed_goes_on(empty_folder):
    words = "babysit search digits width=32 --fields lr --trials 300 --epochs 30 --seeds 1"
    search = subprocess.Popen(
        [sys.executable, "-m", *words.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    kept, until = empty_folder / "runs/search-digits-1", time.monotonic() + 120
    while time.monotonic() < until and not ended(kept):
        time.sleep(0.02)
    search.send_signal(signal.SIGINT)
    _, told = search.communicate(timeout=60)
    assert search.returncode == 130
    before = read_study(kept)
    over = {one.number: one.curve for one in before.trials if one.state in ("complete", "dropped", "broken")}
    assert over
    assert len(over) < 300
    assert before.writer is None
    said = next(line for line in told.splitlines() if "go on with: " in line).partition("go on with: ")[2]
    name, verb, *again = shlex.split(said)
    assert (name, verb) == ("babysit", "search")
    assert call(*again).exit_code == 0
    after = read_study(kept)
    assert [one.number for one in after.trials] == list(range(300))
    assert all(one.state != "running" for one in after.trials)
    assert {number: after.trials[number].curve for number in over} == over
    assert [one.name for one in (empty_folder / "runs").iterdir()] == ["search-digits-1"]


def ended(folder):
    """Is there a trial that ended?"""
    return (folder / "study.json").exists() and any(one.state != "running" for one in read_study(folder).trials)


@pytest.mark.parametrize(
    ("words", "error", "told"),
    [
        (["iriss"], DataError, "did you mean iris"),
        (["iris", "lrr=1"], RecipeError, "did you mean lr"),
        (["iris", "a.toml", "b.toml"], RecipeError, "one space"),
        (["iris", "wine"], RecipeError, "one source"),
        (["train.py"], RecipeError, "--space space.toml"),
        (["mynet.py:make"], RecipeError, "the data must follow"),
        (["nowhere.py:make", "iris"], RecipeError, "no file 'nowhere.py'"),
        (["iris", "--fields", "lrr"], RecipeError, "did you mean lr"),
        (["iris", "--time", "soon"], RecipeError, "90s, 5m, 1h"),
        (["iris", "--engine", "warp"], RecipeError, "engine has no 'warp'"),
    ],
)
def test_what_is_refused(words, error, told):
    with pytest.raises(error, match=told):
        call(*words)
