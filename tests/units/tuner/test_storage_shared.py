"""Several machines over one storage: each trains its own trials, all see all that ended."""

from __future__ import annotations

import optuna
import pytest

from babysit.record import Recipe
from babysit.tuner import log, search
from babysit.tuner.job import Serial

BASE = Recipe(data="iris", epochs=2, width=6, depth=1, batch=64, optimizer="nesterov")


class Stopped(Serial):
    def map(self, train, jobs):
        for number, job in enumerate(jobs):
            if number == 3:
                raise KeyboardInterrupt
            yield train(job)


def call(url, out, executor="serial", trials=8):
    return search(
        "iris",
        recipe=BASE,
        space={"lr": log(1e-3, 0.3)},
        trials=trials,
        believe=0,
        storage=url,
        out=out,
        executor=executor,
    )


def test_a_trial_that_another_machine_has_is_left_to_it(tmp_path):
    url = f"sqlite:///{tmp_path}/shared.db"
    with pytest.raises(KeyboardInterrupt):
        call(url, tmp_path / "one", Stopped())
    second = call(url, tmp_path / "two")
    running = [
        t.number for t in optuna.load_study(study_name="search", storage=url).trials if not t.state.is_finished()
    ]
    assert len(running) == 8  # all of the first machine's, none trained twice
    assert all(trial.state != "running" for trial in second.trials)
    first = call(url, tmp_path / "one")
    assert [trial.number for trial in first.trials] == list(range(8))
    assert all(trial.state == "complete" for trial in first.trials)
