"""Several trainings in one run: those that come one after another are judged by the newest, those in turn not by their loss."""

from __future__ import annotations

import pytest

from babysit.doctor import diagnose
from babysit.record import Run
from babysit.rules._progress import judged, progress

MATRICES = [
    {"name": f"{model}{name}.weight", "shape": [8, 8], "requires_grad": True, "optimizer": f"{int(bool(model))}.0"}
    for model in ("", "model_2/")
    for name in ("0", "2")
]
FACTS = {
    "task": {"kind": "classes", "classes": 4},
    "criteria": [{"kind": "crossentropy", "name": "cross_entropy"}],
    "optimizers": [{"index": 0, "kind": "SGD", "groups": []}, {"index": 1, "kind": "SGD", "groups": []}],
    "modules": [{"name": "0", "model": "a", "calls": 1}, {"name": "model_2/0", "model": "b", "calls": 1}],
    "parameters": MATRICES,
}


def trained(first, second, *, in_turn=False, ratio=1e-3, dead=0.0):
    """A run of two trainings, 100 steps each: losses, and how large the second one's steps were."""
    run = Run.of(facts=FACTS)
    for step in range(1, 201):
        own = 0 if step <= 100 else 1
        loss = (first if own == 0 else second)[(step - 1) % 100]
        values = {("loss.train", ""): loss, ("loss.chance", ""): 1.386}
        for where in ("0", "1") if in_turn else (str(own),):
            values["calls.backward", where] = 1.0
        if own:
            values |= {("update.ratio", f"model_2/{name}.weight"): ratio for name in ("0", "2")}
            values["activation.dead", "model_2/1"] = 0.0 if step < 105 else dead
        else:
            values |= {("update.ratio", f"{name}.weight"): 1e-3 for name in ("0", "2")}
        run.append(step, values)
    return run


FALLING = [1.386 * 0.96**step + 0.05 for step in range(100)]
FLAT = [1.386 + 0.002 * (-1) ** step for step in range(100)]


def test_the_newest_of_several_is_judged():
    run = trained(FLAT, FALLING)
    assert progress(run).comparable
    assert judged(run).steps[0] == 101
    assert progress(run).winning
    assert progress(run).first == pytest.approx(FALLING[1], rel=0.1)
    assert not [one for one in diagnose(run).findings if one.severity != "info"]


def test_those_that_take_turns_are_not_judged_by_their_loss():
    run = trained(FALLING, FLAT, in_turn=True)
    assert not progress(run).comparable
    assert judged(run).steps[0] == 1


def test_a_rate_that_kills_the_units_of_the_second_is_the_cause():
    run = trained(FALLING, FLAT, ratio=0.3, dead=1.0)
    assert next(one.id for one in diagnose(run).findings) == "learning-rate-too-high"


@pytest.mark.parametrize("both", [True, False])
def test_parts_that_one_optimizer_trains_are_one_model(both):
    run = trained(FALLING, FALLING, in_turn=True)
    run.set_fact("optimizers", FACTS["optimizers"][:1])
    rows = [{**row, "module": row["name"].removesuffix(".weight"), "optimizer": "0.0"} for row in MATRICES]
    if not both:  # the second is a teacher, or the network whose values are the targets
        rows = [{**row, "optimizer": None} if row["name"].startswith("model_2") else row for row in rows]
    run.set_fact("parameters", rows)
    assert progress(run).comparable == both
