"""The whole search: budgets, rungs, resuming after kills at any moment, what is said and what is refused."""

from __future__ import annotations

import json
import math

import numpy as np
import optuna
import pytest
from torch import nn

import babysit
from babysit.errors import DataError, OutputError, RecipeError
from babysit.record import Recipe, Run
from babysit.record.study import Study
from babysit.record.writer import lives
from babysit.tuner import choice, integers, log, search, uniform
from babysit.tuner.job import Serial, broken
from babysit.tuner.searching import seconds_of

SPACE = {"lr": log(1e-3, 0.5), "dropout": uniform(0, 0.5)}
BASE = Recipe(data="iris", epochs=6, width=8, depth=1, batch=32, optimizer="nesterov")


def small(**more):
    return search("iris", **{"recipe": BASE, "space": SPACE, "trials": 20, "believe": 0, **more})


def curves(study):
    return {trial.number: (trial.params, trial.curve, trial.state) for trial in study.trials}


def test_every_trial_ends_and_most_end_early():
    ended = []
    study = small(on_trial=lambda trial, found: ended.append(trial.number))
    assert sorted(ended) == list(range(20))
    assert {trial.state for trial in study.trials} <= {"complete", "dropped", "broken"}
    assert all(trial.epochs >= 2 for trial in study.trials if trial.state != "broken")
    assert study.best.epochs == 6
    assert study.best.score > 0.8
    assert "val_acc" in study.table(3)


def test_optuna_has_every_trial_with_values_and_states(tmp_path):
    study = small(out=tmp_path)
    theirs = study.optuna.trials
    assert len(theirs) == 20
    for mine, one in zip(study.trials, theirs, strict=True):
        assert one.number == mine.number
        assert one.params == mine.params
        assert list(one.intermediate_values.values()) == mine.curve
        wanted = optuna.trial.TrialState.COMPLETE if mine.state == "complete" else optuna.trial.TrialState.PRUNED
        assert one.state == wanted
        assert one.value == mine.curve[-1]
    assert set(study.importance()) == set(SPACE)


def test_divergence_is_told_as_pruned_with_its_last_finite_value():
    study = small(space={"lr": log(1e20, 1e30)}, trials=4)
    assert {trial.state for trial in study.trials} == {"broken"}
    assert {one.state for one in study.optuna.trials} == {optuna.trial.TrialState.PRUNED}
    assert all(one.value is None or math.isfinite(one.value) for one in study.optuna.trials)
    with pytest.raises(ValueError, match="all of them broke down"):
        study.best  # noqa: B018
    assert [finding.id for finding in study.findings] == ["search-all-exploded"]


def test_breaking_off():
    assert broken([2.0, 7.0], 2.0).startswith("cost 7 passed 3 x its first 2")
    assert broken([7.0], 2.0) == ""  # never judged before two epochs
    assert broken([math.inf], 2.0) == "cost is not finite"
    assert broken([], math.nan) == "cost is not finite"


def test_the_best_few_are_trained_again_before_one_is_believed():
    study = small(believe=2, seeds=3)
    assert len(study.believed) == 2
    best = study.best
    assert best.number in study.believed
    assert best.seeds == 3
    assert len(best.scores) == 3
    assert best.sd == pytest.approx(np.std(best.scores, ddof=1))
    again = study.fit_best(seeds=2)
    assert again.seeds == 2
    assert again.scores[0] == pytest.approx(best.curve[-1])


@pytest.mark.parametrize("method", ["random", "grid", "sobol", "tpe", optuna.samplers.NSGAIISampler(seed=0)])
def test_other_methods(method):
    study = small(method=method, trials=12)
    assert len(study.trials) == 12
    assert max(trial.epochs for trial in study.trials) == 6


def test_the_same_call_gives_the_same_study():
    assert curves(small()) == curves(small())


def test_the_same_call_again_does_nothing_more(tmp_path):
    first = small(out=tmp_path, believe=2)

    class Never(Serial):
        def map(self, train, jobs):
            assert not list(jobs)
            return iter(())

    again = small(out=tmp_path, believe=2, executor=Never())
    assert curves(again) == curves(first)
    assert again.best.number == first.best.number
    assert again.best.score == first.best.score
    assert {one.number: one.loss for one in again.trials} == {one.number: one.loss for one in first.trials}


@pytest.mark.parametrize("moment", [1, 9, 20, 21, 26])
def test_an_interrupted_search_goes_on(tmp_path, moment):
    whole = small()

    class Interrupted(Serial):
        done = 0

        def map(self, train, jobs):
            for job in jobs:
                self.done += 1
                if self.done == moment:
                    raise KeyboardInterrupt
                yield train(job)

    with pytest.raises(KeyboardInterrupt):
        small(out=tmp_path, executor=Interrupted())
    rest = small(out=tmp_path, executor=Serial())
    assert [trial.number for trial in rest.trials] == list(range(20))
    found, wanted = curves(rest), curves(whole)
    for number, (params, curve, state) in wanted.items():
        assert found[number][0] == params
        assert found[number][1] == pytest.approx(curve, abs=1e-6)
        assert found[number][2] == state


def test_a_studys_file_says_who_writes_it(tmp_path):
    kept = lambda: Study.from_dict(json.loads((tmp_path / "study.json").read_text()))  # noqa: E731
    told = []

    def look(*_):
        if (tmp_path / "study.json").exists():
            told.append((kept().ended, kept().writer and lives(kept().writer)))

    small(out=tmp_path, on_trial=look)
    assert set(told) == {(False, True)}
    assert kept().ended
    assert kept().writer is None


def test_a_time_ends_a_search_of_any_size():
    study = search("iris", recipe=BASE.edit(epochs=400), space=SPACE, trials=10_000, time=1.0, believe=2)
    assert len(study.trials) < 10_000
    assert not [trial for trial in study.trials if trial.state == "running"]
    assert all(trial.why == "time was over" for trial in study.trials if trial.state == "failed")


def test_seconds():
    assert seconds_of("1.5m") == 90
    for told in ("5 parsecs", "0s", "-3"):
        with pytest.raises(RecipeError, match="90s, 5m, 1h"):
            seconds_of(told)


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.stack = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 3))

    def forward(self, x):
        return self.stack(x)


def test_a_model_and_arrays_of_ones_own():
    split = babysit.data.load(BASE)
    x, y = split.train.x.numpy(), split.train.y.numpy()
    study = search(
        (x, y),
        model=lambda hp: Net(hp.units),
        space={"units": choice(4, 8), "lr": log(1e-3, 0.1)},
        trials=8,
        epochs=3,
        folds=2,
    )
    assert len(study.trials) == 8
    assert all(len(trial.scores) >= 2 for trial in study.trials)


def test_a_model_that_ignores_a_field_is_said():
    study = small(
        model=lambda hp: Net(8),
        space={"units": choice(4, 8), "dropout": uniform(0, 0.5), "lr": log(1e-3, 0.1)},
        trials=4,
    )
    told = " ".join(study.notes)
    assert "never looks at 'units'" in told
    assert "never looks at 'dropout'" in told
    assert "never looks at 'lr'" not in told


def test_a_training_of_ones_own():
    def train(recipe):
        steps = np.arange(1, recipe.epochs + 1)
        return Run.of(
            {"accuracy.val": (1 - abs(math.log10(recipe.lr) + 2) / 5) * (1 - 1 / (steps + 1)), "loss.train": 1 / steps}
        )

    study = search(train=train, space={"lr": log(1e-5, 1)}, trials=60, epochs=9, believe=0)
    assert study.best.params["lr"] == pytest.approx(1e-2, rel=1.0)
    assert {trial.epochs for trial in study.trials} == {3, 9}


def test_a_training_of_ones_own_that_fails_is_a_failed_trial():
    def train(recipe):
        if recipe.lr > 0.01:
            raise ValueError("too hot")
        return Run.of({"accuracy.val": [0.5]})

    study = search(train=train, space={"lr": log(1e-5, 1)}, trials=20, epochs=2, believe=0)
    assert any(trial.why == "ValueError: too hot" and trial.state == "failed" for trial in study.trials)
    assert study.best.score == 0.5


def test_edges_widen_and_are_reported():
    def train(recipe):
        return Run.of({"accuracy.val": [0.5 + math.log10(recipe.lr) / 20] * recipe.epochs})

    study = search(train=train, space={"lr": log(1e-5, 1e-2)}, trials=80, epochs=2, believe=0)
    assert study.widenings
    assert {(one.name, one.side) for one in study.widenings} == {("lr", "high")}
    assert study.best.params["lr"] > 1e-2
    assert "widened to" in str(study.widenings[0])


def test_bad_input(tmp_path):
    with pytest.raises(DataError, match="folds <= examples"):
        small(folds=1000)
    with pytest.raises(RecipeError, match="folds >= 1"):
        small(folds=0)
    with pytest.raises(RecipeError, match="trials >= 1"):
        small(trials=0)
    with pytest.raises(RecipeError, match="did you mean staged"):
        small(method="stagged")
    with pytest.raises(RecipeError, match="executor must be"):
        small(executor="cloud")
    with pytest.raises(DataError, match="give val > 0 or folds"):
        small(recipe=BASE.edit(val=0.0))
    with pytest.raises(RecipeError, match="at least one field"):
        small(space={})
    with pytest.raises(OutputError, match="must be reachable"):
        small(storage="sqlite:////nowhere/at/all/study.db")
    with pytest.raises(RecipeError, match=r"the model failed for lr=.*there is no 'nothing'"):
        small(model=lambda hp: Net(hp.nothing))
    with pytest.raises(RecipeError, match=r"must give an nn.*but gave int"):
        small(model=lambda hp: 3)


def test_another_space_under_the_same_name_overwrites_nothing(tmp_path):
    first = small(out=tmp_path, trials=4)
    with pytest.raises(RecipeError, match="with another space"):
        small(out=tmp_path, trials=4, space={"lr": log(1e-3, 0.1)})
    again = small(out=tmp_path, trials=4)
    assert curves(again) == curves(first)


def test_any_storage_url(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    small(storage=url, name="mine", trials=4)
    read = optuna.load_study(study_name="mine", storage=url)
    assert len(read.trials) == 4
    theirs = optuna.create_study(study_name="theirs", storage=url)
    theirs.add_trial(optuna.trial.create_trial(value=1.0))
    with pytest.raises(RecipeError, match="did not make"):
        small(storage=url, name="theirs", trials=4)


def test_a_study_round_trips_as_json(tmp_path):
    study = small(out=tmp_path, believe=2)
    read = Study.from_dict(json.loads((tmp_path / "study.json").read_text()))
    assert read.to_dict() == study.to_dict()
    assert read.best.number == study.best.number


def test_the_report_is_written(tmp_path):
    path = small().report(tmp_path / "search.html")
    assert "lr" in path.read_text(encoding="utf-8")


def test_conditional_fields_reach_only_their_trials():
    space = {
        "optimizer": choice("sgd", "momentum"),
        "momentum": uniform(0.5, 0.9).when(optimizer="momentum"),
        "depth": integers(1, 2),
    }
    study = small(space=space, trials=40)
    assert all(("momentum" in trial.params) == (trial.params["optimizer"] == "momentum") for trial in study.trials)
