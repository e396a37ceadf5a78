"""Which cause a proven remedy confirms."""

from __future__ import annotations

import pytest

from babysit.checker.cause import confirm, meaning
from babysit.checker.plan import Candidate
from babysit.checker.proof import compare
from babysit.hosts.edits import fields
from babysit.record import Finding, Remedy


def finding(name, *edits, **more):
    return Finding(name, name, remedies=tuple(Remedy(str(edit), edit) for edit in edits), **more)


@pytest.mark.parametrize(
    ("edit", "means"),
    [
        ({"lr": "*0.1"}, "learning-rate-too-high"),
        ({"lr": "*100"}, "learning-rate-too-low"),
        ({"clip_norm": None}, "clipping-too-tight"),
        ({"clip_norm": "p90"}, "exploding-gradients"),
        ({"activation": {"none": "relu"}}, "missing-nonlinearity"),
        ({"weight_decay": 0.0}, "regularization-too-strong"),
        ({"weight_decay": 0.01}, "overfitting"),
        ({"zero_grad": True}, "gradients-accumulate"),
    ],
)
def test_a_remedy_of_one_thing_names_it(edit, means):
    assert meaning(edit)[0] == means


def test_remedies_of_many_things_name_none():
    assert meaning({"optimizer": "adam", "lr": 1e-3}) == ()
    assert meaning({"norm": "batch"}) == ()
    assert meaning({"lr": 0.1}) == ()


def test_every_field_that_speaks_is_a_field():
    from babysit.checker.cause import MEANS

    assert set(MEANS) <= set(fields())


def test_what_the_rules_missed_is_named_by_the_trial():
    proof = compare([0.1] * 5, [0.9] * 5)
    cause, found = confirm(Candidate("", "Lower the rate", {"lr": "*0.1"}), [finding("rank-collapse")], proof)
    assert cause == "learning-rate-too-high"
    assert found[0].id == cause
    assert found[0].stage == "confirmed"
    assert "0.100 → 0.900" in found[0].message


def test_a_symptom_gives_way_to_the_cause_that_is_there():
    there = [finding("dead-relu", {"lr": "*0.1"}), finding("learning-rate-too-high", {"lr": "*0.1"})]
    assert confirm(Candidate("dead-relu", "x", {"lr": "*0.1"}), there)[0] == "learning-rate-too-high"


def test_a_certain_root_stays_the_cause():
    there = [
        finding("loss-summed", {"reduction": "mean"}, stage="confirmed"),
        finding("learning-rate-too-high", {"lr": "*0.1"}, explained_by="loss-summed"),
    ]
    assert confirm(Candidate("learning-rate-too-high", "x", {"lr": "*0.1"}), there)[0] == "loss-summed"


def test_a_general_remedy_confirms_what_proposed_it_or_has_it():
    there = [finding("init-scale", {"norm": "batch"}), finding("b", {"lr": "*10"})]
    assert confirm(Candidate("init-scale", "x", {"norm": "batch"}), there)[0] == "init-scale"
    assert confirm(Candidate("", "x", {"norm": "batch"}), there)[0] == "init-scale"
    assert confirm(Candidate("", "x", {"optimizer": "adam"}), there)[0] == ""


def test_two_mends_that_a_symptom_proposed_name_the_cause_that_is_there():
    there = [
        finding("loss-barely-changes", {"lr": "*10"}, stage="symptom"),
        finding("too-few-updates", {"epochs": "*3"}),
    ]
    both = Candidate("loss-barely-changes", "x", {"lr": "*10", "epochs": "*3"})
    assert confirm(both, there)[0] == "too-few-updates"
    suspect = [finding("init-scale", {"init": "he"}, stage="suspect"), there[1]]
    assert confirm(Candidate("init-scale", "x", {"init": "he", "epochs": "*3"}), suspect)[0] == "init-scale"
