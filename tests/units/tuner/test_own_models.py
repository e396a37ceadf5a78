"""Networks of the user's in a search: what can't be trained, what goes one by one, and where."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest
from torch import nn

from babysit.errors import RecipeError
from babysit.record import Recipe
from babysit.tuner import choice, log, search
from babysit.tuner.fleet import Fleet
from babysit.tuner.processes import forks

BASE = Recipe(data="iris", epochs=4, batch=32)
SPACE = {"lr": log(1e-3, 0.3), "width": choice(8, 16)}


def mine(model, **more):
    return search("iris", **{"model": model, "recipe": BASE, "space": SPACE, "trials": 8, "believe": 0, **more})


class Wired(nn.Module):
    """Can't be batched or vmapped: it looks at its values."""

    def __init__(self, width):
        super().__init__()
        self.one, self.two, self.drop = nn.Linear(4, width), nn.Linear(width, 3), nn.Dropout(0.2)

    def forward(self, x):
        hidden = self.drop(self.one(x)).relu()
        return self.two(hidden if hidden.sum().item() > 0 else -hidden)


def test_a_trial_whose_network_can_not_be_trained_fails_alone():
    study = mine(lambda hp: nn.Sequential(nn.Linear(4, hp.width), nn.ReLU(), nn.Linear(16, 3)))
    for trial in study.trials:
        assert (trial.state == "failed") == (trial.params["width"] == 8)
        assert trial.state != "failed" or "can't take inputs (N, 4)" in trial.why
    assert study.best.params["width"] == 16


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda hp: nn.Linear(5, 3), r"can't take inputs \(N, 4\)"),
        (lambda hp: nn.Linear(4, 2), r"must give outputs \(N, 3\), but gives \(N, 2\)"),
        (lambda hp: nn.Linear(4, hp.widht), "did you mean width"),
        (nn.Linear(4, 3), "must be a function that makes a network, .* a network already made"),
        (7, "which can't be called"),
    ],
)
def test_a_model_that_never_trains_is_an_error_and_mended_the_same_call_goes_on(model, said, tmp_path):
    with pytest.raises(RecipeError, match=said):
        mine(model, out=tmp_path)
    mended = mine(lambda hp: nn.Linear(4, 3), out=tmp_path)
    assert [trial.number for trial in mended.trials] == list(range(8))
    assert not [trial for trial in mended.trials if trial.state == "failed"]


def test_more_trials_asked_for_later_go_on(tmp_path):
    first = mine(lambda hp: nn.Linear(4, 3), out=tmp_path, believe=2, seeds=2)
    more = mine(lambda hp: nn.Linear(4, 3), out=tmp_path, believe=2, seeds=2, trials=14)
    assert [trial.number for trial in more.trials] == list(range(14))
    assert [trial.params for trial in more.trials[:8]] == [trial.params for trial in first.trials]
    assert len(more.believed) == 2
    assert all(len(trial.scores) == trial.seeds for trial in more.trials if trial.number in more.believed)


@pytest.mark.skipif(not forks(None), reason="needs forks")
def test_one_by_one_goes_to_processes_and_comes_to_the_same(monkeypatch):
    monkeypatch.setattr("babysit.tuner.fleet.WORTH", 0.0)
    executor = Fleet(threads=2)
    study = mine(lambda hp: Wired(hp.width), executor=executor, trials=6)
    assert any(note.startswith("one by one in 2 processes") for note in study.notes)
    assert "vmap can't take this network: it decides by the value of a tensor (an if on it, or .item())" in study.notes
    alone = mine(lambda hp: Wired(hp.width), executor="serial", trials=6)
    for here, there in zip(study.trials, alone.trials, strict=True):
        assert here.curve == there.curve
        assert here.losses == pytest.approx(there.losses, rel=1e-5)
    workers = executor._processes
    assert workers is not None
    assert workers._pool is None  # ended with the search


ORPHANS = """
import os, sys, time
from babysit.tuner.job import Job
from babysit.tuner.processes import Processes

def tell(job):
    open(os.path.join(sys.argv[1], str(os.getpid())), "w").close()
    time.sleep(120)

list(Processes(2).map(tell, [Job(number, {}, 1, 1) for number in range(2)]))
"""


@pytest.mark.skipif(not forks(None), reason="needs forks")
def test_workers_of_a_killed_search_end(tmp_path):
    search = subprocess.Popen([sys.executable, "-c", ORPHANS, str(tmp_path)])
    try:
        for _ in range(600):
            if len(list(tmp_path.iterdir())) == 2:
                break
            time.sleep(0.1)
        workers = [int(one.name) for one in tmp_path.iterdir()]
        assert len(workers) == 2
    finally:
        search.send_signal(signal.SIGKILL)
        search.wait()
    for _ in range(600):
        if not any(map(_lives, workers)):
            return
        time.sleep(0.1)
    pytest.fail("workers outlive their search")


def _lives(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
