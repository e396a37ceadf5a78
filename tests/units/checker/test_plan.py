"""Which edits are tried, and in which order."""

from __future__ import annotations

from babysit.checker.plan import Candidate, candidates, comparable, firsts, further, pairs, root_of, together
from babysit.record import Finding, Remedy


def finding(name, *edits, **more):
    remedies = tuple(Remedy(str(edit), edit) for edit in edits)
    return Finding(name, name, remedies=remedies, **more)


def test_the_first_remedy_of_each_comes_before_the_second_of_any():
    found = candidates([finding("a", {"init": "he"}, {"norm": "batch"}), finding("b", {"zero_grad": True})])
    assert [dict(one.edit) for one in found] == [{"init": "he"}, {"zero_grad": True}, {"norm": "batch"}]


def test_an_edit_is_tried_once_and_advice_never():
    found = candidates([finding("a", {"init": "he"}), finding("b", {"init": "he"}, None, {"unheard_of": 1})])
    assert [one.finding for one in found] == ["a"]


def test_what_is_only_good_to_know_is_not_cured():
    assert candidates([finding("a", {"init": "he"}, severity="info")]) == []


def test_roots_come_before_what_they_explain():
    found = candidates([finding("b", {"norm": "batch"}, explained_by="a"), finding("a", {"init": "he"})])
    assert [one.finding for one in found] == ["a", "b"]


def test_rates_are_tried_further_down_and_never_against_their_root():
    found = candidates([finding("high", {"lr": "*0.1"}), finding("flat", {"lr": "*10"}, explained_by="high")])
    assert [one.edit["lr"] for one in found] == ["*0.1", "*0.01", "*0.001"]


def test_what_mends_one_thing_comes_before_what_helps_against_many():
    found = candidates([finding("hot", {"lr": "*0.1"}), finding("head", {"init_head": "small"})])
    assert [one.finding for one in found][:2] == ["head", "hot"]
    effect = finding("head", {"init_head": "small"}, explained_by="hot")
    assert [one.finding for one in candidates([finding("hot", {"lr": "*0.1"}), effect])][:2] == ["hot", "head"]


def test_the_remedies_of_several_causes_are_tried_together():
    roots = firsts([finding("a", {"init": "he"}), finding("b", {"norm": "batch"}), finding("c", {"zero_grad": True})])
    assert [dict(one.edit) for one in together(roots)] == [
        {"init": "he", "norm": "batch"},
        {"init": "he", "norm": "batch", "zero_grad": True},
    ]
    assert together(roots[:1]) == []


def test_what_often_helps_leaves_out_what_was_tried():
    tried = [Candidate("", "x", {"lr": "*0.1"})]
    rest = further([Remedy("x", {"lr": "*0.1"}), Remedy("y", {"init": "he"}), Remedy("y", {"init": "he"})], tried)
    assert [dict(one.edit) for one in rest] == [{"init": "he"}]


def test_losses_are_compared_only_where_they_mean_the_same():
    plan = [Candidate("", "x", {"criterion": "mse"}), Candidate("", "y", {"lr": "*10"})]
    assert comparable(plan, "loss") == plan[1:]
    assert comparable(plan, "validation accuracy") == plan


def test_the_first_remedy_of_each_root_may_be_a_partner():
    found = firsts([finding("a", {"init": "he"}, {"norm": "batch"}), finding("b", {"lr": "*10"}, explained_by="a")])
    assert [dict(one.edit) for one in found] == [{"init": "he"}]


def test_pairs_change_two_things():
    best = Candidate("a", "A", {"init": "he"}, "a()")
    found = pairs(best, [Candidate("a", "Also", {"init": "xavier"}), Candidate("b", "Both", {"norm": "batch"}, "b()")])
    assert [dict(one.edit) for one in found] == [{"init": "he", "norm": "batch"}]
    assert found[0].code == "a()\nb()"
    assert found[0].title == "A, and both"


def test_the_root_of_a_chain():
    chain = [finding("a"), finding("b", explained_by="a"), finding("c", explained_by="b")]
    assert root_of("c", chain) == "a"
    assert root_of("a", chain) == "a"
    assert root_of("x", chain) == "x"
