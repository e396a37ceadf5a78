"""Screening, pairs and proof, with runs that are written by hand."""

from __future__ import annotations

import math

import pytest

from babysit.checker.attempt import Attempt, loses
from babysit.checker.outcome import Cure, Try
from babysit.checker.plan import Candidate
from babysit.checker.proof import compare, smallest_gain
from babysit.checker.trying import Trying


def trying(outcome, baseline=0.5, kind="validation accuracy", **more):
    """`outcome(edit, seed)` -> score."""
    asked = []

    def runs(program, orders, *, jobs, until=math.inf):
        for order in orders:
            asked.append((dict(order.edit), order.seed))
            yield order, Attempt(outcome(order.edit, order.seed), kind, 100, 1.0, [(100, 0.5)], ended="end")

    first = Attempt(baseline, kind, 100, 1.0, [(50, baseline), (100, baseline)], ended="end")
    made = Trying(lambda rewrite: None, first, 1, math.inf, runs, baseline={0: baseline}, **more)
    return made, asked


def candidate(name):
    return Candidate(name, name, {name: 1})


def test_the_plans_order_decides_where_scores_are_as_good():
    made, _ = trying(lambda edit, seed: {"a": 0.90, "b": 0.91, "c": 0.95, "d": 0.50}[next(iter(edit))])
    made.screen([candidate(name) for name in "abcd"], math.inf)
    assert [one.candidate.title for one in made.promising()] == ["c", "a", "b"]


def test_nothing_more_is_tried_when_one_is_as_good_as_can_be():
    made, asked = trying(lambda edit, seed: 0.99)
    made.screen([candidate("a"), candidate("b")], math.inf)
    assert [edit for edit, _ in asked] == [{"a": 1}]


def test_pairs_go_with_the_best():
    made, asked = trying(lambda edit, seed: 0.6 + 0.1 * len(edit))
    made.screen([candidate("a")], math.inf)
    made.pair([candidate("b"), candidate("a")], math.inf)
    assert asked[-1][0] == {"a": 1, "b": 1}
    assert made.promising()[0].candidate.edit == {"a": 1, "b": 1}


def test_a_gain_that_is_there_with_every_seed_is_proven():
    made, asked = trying(lambda edit, seed: (0.9 if edit else 0.5) + 0.001 * seed)
    made.screen([candidate("a")], math.inf)
    made.prove()
    assert made.tries[0].proven
    assert len([1 for edit, _ in asked if edit]) == 5


def test_luck_with_the_first_seed_is_not_proven():
    made, _ = trying(lambda edit, seed: 0.6 if edit and seed == 0 else 0.5)
    made.screen([candidate("a")], math.inf)
    made.prove()
    assert not made.tries[0].proven


def test_a_small_gain_among_noise_asks_for_more_seeds():
    noise = [0.0, 0.03, -0.03, 0.02, -0.02, 0.01, -0.01, 0.0]
    made, asked = trying(lambda edit, seed: 0.5 + noise[seed] + (0.04 if edit else 0.0))
    made.screen([candidate("a")], math.inf)
    made.prove()
    assert len([1 for edit, _ in asked if edit]) == 8
    assert made.tries[0].proven


def test_a_training_score_that_regularization_flatters_must_gain_much():
    made, _ = trying(lambda edit, seed: 0.55, kind="training accuracy")
    made.screen([Candidate("", "No dropout", {"dropout": 0.0})], math.inf)
    assert made.promising() == []


def test_losses_gain_by_their_own_size():
    assert smallest_gain("loss", -50.0) == pytest.approx(5.0)
    made, _ = trying(lambda edit, seed: -48.0, baseline=-50.0, kind="loss")
    made.screen([candidate("a")], math.inf)
    assert made.promising() == []


def test_another_kind_of_score_cant_be_compared():
    made, _ = trying(lambda edit, seed: 0.9)
    made.first.kind = "training accuracy"
    made.screen([candidate("a")], math.inf)
    assert made.promising() == []


def test_a_run_far_behind_the_best_edit_is_ended():
    beat, best = ((40, 0.1), (80, 0.1)), ((20, 0.8), (40, 0.9))
    assert loses(20, 0.45, beat, best)
    assert not loses(20, 0.55, beat, best)
    assert loses(40, 0.8, beat, best)
    assert not loses(40, math.nan, beat, best)


def test_few_pairs_prove_nothing():
    assert not compare([0.1] * 4, [0.9] * 4).proven
    assert compare([0.1] * 5, [0.9] * 5).proven
    assert compare([0.1, 0.2, 0.1, 0.2, 0.1], [0.16, 0.26, 0.16, 0.26, 0.16]).open


def test_where_nothing_was_found_wrong_a_small_gain_says_nothing():
    made, _ = trying(lambda edit, seed: 0.55 if edit else 0.5, fine=True)
    made.screen([candidate("a")], math.inf)
    assert made.promising() == []
    made, _ = trying(lambda edit, seed: 0.75 if edit else 0.5, fine=True)
    made.screen([candidate("a")], math.inf)
    made.prove()
    assert made.tries[0].proven


def test_a_minority_is_judged_by_the_same_measure_before_and_after():
    import torch
    from torch import nn

    from babysit.checker.cure import cure

    def program():
        torch.manual_seed(0)
        x = torch.randn(2000, 4)
        y = (x[:, 0] + 0.5 * torch.randn(2000) > 2.2).float()  # about 1 in 40
        model = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
        for _ in range(8):
            for i in range(0, 1500, 50):
                optimizer.zero_grad()
                nn.functional.binary_cross_entropy_with_logits(
                    model(x[i : i + 50]).squeeze(1), y[i : i + 50]
                ).backward()
                optimizer.step()
            with torch.no_grad():
                ((model(x[1500:]).squeeze(1) > 0).float() == y[1500:]).float().mean()

    found = cure(program, jobs=1, time=120)
    tried = next(one for one in found.tries if one.candidate.edit == {"class_weights": "balanced"})
    assert found.kind == "training mean recall"
    assert tried.scores[0] > found.baseline[0] + 0.1


@pytest.mark.parametrize(
    ("after", "words"),
    [([0.99, 0.98, 0.99], "the time was up"), ([0.99, 0.50, 0.99], "more than noise"), ([0.99] * 5, "more than noise")],
)
def test_a_remedy_that_ran_out_of_time_is_told_from_one_that_does_not_help(after, words):
    one = Try(candidate("a"), comparison=compare([0.51, 0.56, 0.6, 0.5, 0.5][: len(after)], after), seconds=60.0)
    cure = Cure("not-cured", tries=[one], kind="validation accuracy", seconds=100.0)
    assert words in cure.why_not
    assert ("--time 4m" in cure.why_not) == (words == "the time was up")
    assert Cure("not-cured").why_not == "there was no time to try anything"
