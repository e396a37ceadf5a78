"""What a page is told of a finding."""

from babysit.doctor import diagnose
from babysit.record import Finding, Run
from babysit.views.cards import finding_card


def test_a_finding_says_what_it_means():
    facts = {"criteria": [{"kind": "CrossEntropyLoss"}]}
    run = Run.of({"loss.train": [-2.3, -2.9, -4.0], "loss.criterion": [2.3, 2.9, 4.0]}, facts=facts)
    (found,) = [one for one in diagnose(run).findings if one.id == "loss-wrong-sign"]
    card = finding_card(found, run)
    assert card["why"].startswith("The optimizer goes downhill.")
    assert "\n" not in card["why"]


def test_a_finding_of_no_rule_means_nothing_more():
    assert finding_card(Finding("dead-relu", "relu1: 90 % of the units are dead"), None)["why"] == ""
