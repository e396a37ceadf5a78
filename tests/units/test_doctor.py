"""The doctor: what explains what, in which order, what is said when, and why a run is healthy."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings

from babysit.doctor import Doctor, Verdict, all_rules, diagnose, judge
from babysit.record import Event, Evidence, Finding, Remedy, Run, Store
from babysit.rules import rule
from tests.contracts.test_rules import FULL, runs

RULES = all_rules()
STEPS = 200


def falling(count: int = STEPS, seed: int = 0) -> list[float]:
    noise = np.random.default_rng(seed).normal(0, 0.03, count)
    return list(2.3 * np.exp(-np.arange(count) / 40) + 0.05 + np.abs(noise))


def healthy(**more) -> Run:
    readings = {
        "loss.train": falling(),
        "loss.chance": [2.303] * STEPS,
        "accuracy.train": list(np.linspace(0.1, 0.97, STEPS)),
        "accuracy.val": list(np.linspace(0.1, 0.96, STEPS)),
        "target.entropy": [2.3] * STEPS,
        "update.ratio": {"fc1.weight": [1.2e-3] * STEPS, "fc2.weight": [2e-3] * STEPS},
        "activation.dead": {"act": [0.0] * STEPS},
        "batch.size": {"0": [64.0] * STEPS},
        "output.row_sum_error": [-1.0] * STEPS,
        **more,
    }
    return Run.of(readings, facts=FULL)


def stuck(**more) -> Run:
    noise = np.random.default_rng(1).normal(0, 0.01, STEPS)
    return healthy(
        **{"loss.train": list(2.303 + noise), "accuracy.train": [0.1] * STEPS, "accuracy.val": [0.1] * STEPS, **more}
    )


def found(*ids, **more):
    """Rules made for a test: each yields one finding."""

    def made(name, **facts):
        family = facts.pop("family", "rate")

        @rule("loss.train", family=family, name=name)
        def one(run):
            """A disease."""
            yield Finding(
                name, f"{name} is there", evidence=(Evidence("loss.train"),), remedies=(Remedy("Do it"),), **facts
            )

        return one

    return [made(name, **more.get(name.replace("-", "_"), {})) for name in ids]


def test_a_run_that_learns_is_healthy_and_says_why():
    verdict = diagnose(healthy())
    assert verdict.status == "healthy"
    assert [one for one in verdict.findings if one.severity != "info"] == []
    for word in (
        "loss 2.3",
        "chance is 2.3",
        "accuracy on validation 0.96",
        "of their size",
        "no dead units",
        "199 steps",
    ):
        assert word in verdict.reason


def test_printed_in_python_what_is_found_is_read_in_a_few_lines():
    run = stuck()
    verdict = diagnose(run)
    run.findings = list(verdict.findings)
    assert len(repr(run)) < 200
    assert "\n" not in repr(run)
    root = verdict.roots[0]
    assert len(repr(root)) < 120
    lines = str(verdict).split("\n")
    assert lines[0].startswith(f"{verdict.status} after 199 steps")
    assert lines[1].startswith(f"{root.id}")
    assert lines[2] == f"  {root.message}"
    assert len(lines) < 4 * (2 + len(verdict.roots))


def test_each_score_is_told_once_and_with_its_own_step():
    run = healthy()
    last = run.step
    run.append(last + 5, {("loss.train", ""): run.last("loss.train"), ("accuracy.val", ""): 0.91})
    reason = diagnose(run).reason
    assert f"accuracy {run.last('accuracy.train'):.3g} at step {last}, accuracy on validation 0.91," in reason
    assert reason.count("accuracy") == 2


@pytest.mark.parametrize(
    ("run", "word"),
    [
        (Run(), "No loss was seen"),
        (Run.of({"loss.train": [2.3] * 5}), "Only 5 steps"),
        (stuck(**{"time.step": [0.1] * 5}), "20 examples"),
    ],
)
def test_what_is_not_known_is_said_with_what_would_tell(run, word):
    verdict = diagnose(run, rules=[])
    assert verdict.status == "unknown"
    assert word in verdict.reason


def test_a_symptom_alone_is_no_cause():
    verdict = diagnose(stuck())
    assert verdict.status == "unknown" or verdict.findings[0].confidence > 0.25


@pytest.mark.parametrize(
    ("cause", "readings"),
    [
        ("loss-expects-logits", {"output.row_sum_error": [1e-7] * STEPS}),
        ("input-not-normalized", {"batch.mean": {"0": [120.0] * STEPS}, "batch.std": {"0": [70.0] * STEPS}, "loss.train": [9.0, 30.0] + [60.0] * 198}),
        ("gradients-accumulate", {"calls.steps_since_zero": {"0": list(map(float, range(1, 201)))}, "loss.train": [2.3 * 1.05**step for step in range(STEPS)]}),
        ("learning-rate-too-high", {"loss.train": [2.3 * 1.1**step for step in range(60)] + [math.nan] * 140, "update.ratio": {"fc1.weight": [0.4] * STEPS}}),
        ("learning-rate-too-low", {"update.ratio": {"fc1.weight": [1e-7] * STEPS, "fc2.weight": [1e-7] * STEPS}, "lr": [1e-8] * STEPS}),
        ("dead-relu", {"activation.dead": {"act": [0.0, 1.0] + [1.0] * 198}, "output.between": [0.0] * STEPS}),
    ],
)  # fmt: skip
def test_the_cause_comes_first_and_what_it_explains_is_folded(cause, readings):
    verdict = diagnose(stuck(**readings))
    assert verdict.status == "findings"
    assert verdict.findings[0].id == cause, [one.id for one in verdict.findings]
    others = [one for one in verdict.roots[1:] if one.severity != "info"]
    assert others == [], [(one.id, one.severity) for one in others]


def test_what_is_certain_is_never_explained_away_by_what_is_likely():
    rules = found(
        "guess", "loss-broadcasts",
        guess={"explains": ("loss-broadcasts",), "confidence": 0.9, "stage": "suspect", "family": "data"},
        loss_broadcasts={"stage": "confirmed", "confidence": 0.9, "family": "loss"},
    )  # fmt: skip
    assert all(one.explained_by is None for one in diagnose(stuck(), rules).findings)


def test_an_effect_does_not_begin_before_its_cause():
    late = {"explains": ("effect",), "confidence": 0.8, "step": 150}
    rules = found("cause", "effect", cause=late, effect={"confidence": 0.5, "step": 5, "family": "symptom"})
    assert diagnose(stuck(), rules).findings[1].explained_by is None
    rules = found(
        "cause", "effect", cause={**late, "step": 1}, effect={"confidence": 0.5, "step": 5, "family": "symptom"}
    )
    assert diagnose(stuck(), rules).findings[1].explained_by == "cause"


def test_two_that_explain_each_other_are_not_both_folded():
    rules = found(
        "first", "second", "third",
        first={"explains": ("second",), "family": "init"},
        second={"explains": ("third",), "family": "rate"},
        third={"explains": ("first",), "family": "symptom"},
    )  # fmt: skip
    verdict = diagnose(stuck(), rules)
    assert [one.id for one in verdict.roots] == ["first"]


def test_gradients_fade_only_before_their_cause():
    """A dead layer explains vanished gradients in the layers before it, not behind it."""

    def make(where):
        return found("dead", "vanishing-gradients", dead={"explains": ("vanishing-gradients",), "where": "act", "family": "init"},
                     vanishing_gradients={"where": where, "family": "init"})  # fmt: skip

    folded = {where: diagnose(stuck(), make(where)).findings[1].explained_by for where in ("fc1", "fc2")}
    assert folded == {"fc1": "dead", "fc2": None}


def test_a_winner_is_never_called_useless_on_statistics():
    rules = found(
        "odd", "sure", odd={"severity": "error", "stage": "suspect"}, sure={"severity": "error", "stage": "confirmed"}
    )
    by_id = {one.id: one.severity for one in diagnose(healthy(), rules).findings}
    assert by_id == {"odd": "warning", "sure": "error"}


@pytest.mark.parametrize(
    "readings",
    [
        {"activation.dead": {"act": [0.7] * STEPS}},
        {"update.ratio": {"fc1.weight": [0.3] * STEPS, "fc2.weight": [0.2] * STEPS}},
        {"batch.mean": {"0": [9.0] * STEPS}, "batch.std": {"0": [12.0] * STEPS}},
        {"activation.saturated_units": {"act": [0.9] * STEPS}},
        {"activation.rank": {"fc1": list(np.linspace(0.9, 0.05, STEPS))}},
        {"gradient.total": {"0": [1.0] * 190 + [30.0] * 10}},
        {"lr": [1e-3 * 0.95**step for step in range(STEPS)]},
    ],
)
def test_one_odd_ratio_does_not_make_a_winner_sick(readings):
    verdict = diagnose(healthy(**readings))
    assert verdict.status == "healthy", [(one.id, one.severity, one.message) for one in verdict.findings]


def test_said_once_and_only_when_it_lasts():
    doctor = Doctor(found("likely", "certain", likely={"stage": "suspect"}, certain={"stage": "confirmed"}))
    run = Run()
    said = []
    for step in range(1, 6):
        run.append(step, {("loss.train", ""): 2.3})
        said.append([one.id for one in doctor.look(run)])
    assert said == [["certain"], ["likely"], [], [], []]


def test_what_vanishes_before_it_was_sure_was_never_said():
    @rule("loss.train")
    def flicker(run):
        """Now and then."""
        if run.step % 2:
            yield Finding("flicker", "…")

    doctor, run = Doctor([flicker]), Run()
    said = []
    for step in range(1, 9):
        run.append(step, {("loss.train", ""): 2.3})
        said += doctor.look(run)
    assert said == []


def test_a_rule_is_asked_again_only_when_what_it_reads_changed():
    asked = []

    @rule("lr", "fact:task", "event:end")
    def one(run):
        """Counts."""
        asked.append(run.step)
        yield from ()

    doctor, run = Doctor([one]), Run()
    for step, change in enumerate(
        [{("lr", ""): 0.1}, {("loss.train", ""): 2.0}, {("loss.train", ""): 1.0}, {("lr", ""): 0.2}]
    ):
        run.append(step, change)
        doctor.look(run)
    assert asked == [0, 3]
    run.set_fact("task", {"kind": "classes"})
    doctor.look(run)
    run.add_event(Event(9, "end"))
    doctor.look(run)
    assert len(asked) == 4


def test_a_rule_that_breaks_is_left_out_and_said():
    @rule("loss.train")
    def broken(run):
        """Breaks."""
        raise RuntimeError("no")
        yield

    verdict = diagnose(healthy(), [broken])
    assert verdict.status == "healthy"
    assert verdict.failed == {"broken": "RuntimeError: no"}


@settings(max_examples=40)
@given(runs())
def test_looking_while_it_is_written_comes_to_the_same_as_looking_once(run):
    """Incremental equals fresh: after any number of looks, what is kept is what a new doctor finds."""
    doctor, grown = Doctor(RULES), Run()
    rows: dict[int, dict] = {}
    for what in run.whats():
        for where, series in run.each(what):
            for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True):
                rows.setdefault(step, {})[(what, where)] = value
    facts = list(run.facts.items())
    for number, step in enumerate(sorted(rows)):
        grown.append(step, rows[step])
        if facts and number % 2:
            grown.set_fact(*facts.pop())
        if number % 3 == 0:
            doctor.look(grown)
    for name, value in facts:
        grown.set_fact(name, value)
    for event in run.events:
        grown.add_event(event)
    kept = judge(doctor._ask(grown), RULES, grown)
    fresh = judge(Doctor(RULES)._ask(grown), RULES, grown)
    assert str(kept) == str(fresh)


KEYS = {"schema", "status", "steps", "seconds", "overhead", "findings"}
FINDING = {
    "id",
    "severity",
    "stage",
    "confidence",
    "step",
    "where",
    "source",
    "message",
    "evidence",
    "explained_by",
    "remedies",
}


def test_the_json_form_is_schema_1():
    verdict = diagnose(stuck(**{"output.row_sum_error": [1e-7] * STEPS, "activation.dead": {"act": [1.0] * STEPS}}))
    whole = json.loads(json.dumps(verdict.to_dict(seconds=1.5, overhead=0.004), allow_nan=False))
    assert set(whole) == KEYS
    assert whole["schema"] == 1
    assert whole["findings"]
    for one in whole["findings"]:
        assert set(one) == FINDING
        assert all(set(evidence) == {"what", "where", "step", "value", "expected"} for evidence in one["evidence"])
        assert all(set(remedy) == {"title", "edit", "code"} for remedy in one["remedies"])


def test_numbers_that_are_not_finite_are_null_in_json():
    finding = Finding(
        "x", "…", evidence=(Evidence("loss.train", value=math.nan),), remedies=(Remedy("a", {"lr": np.float64(0.1)}),)
    )
    whole = Verdict("findings", (finding,)).to_dict()
    text = json.dumps(whole, allow_nan=False)
    assert '"value": null' in text
    assert '"lr": 0.1' in text


def test_findings_that_are_accepted_are_left_out():
    run = stuck(**{"output.row_sum_error": [1e-7] * STEPS})
    assert "loss-expects-logits" not in [one.id for one in diagnose(run, allow=["loss-expects-logits"]).findings]


@pytest.fixture
def stored(tmp_path):
    def make(run: Run):
        store = Store(tmp_path / "run")
        for name, value in run.facts.items():
            store.set_fact(name, value)
        for what in run.whats():
            for where, series in run.each(what):
                for step, value in zip(series.steps, series.values, strict=True):
                    store.append(int(step), {(what, where): float(value)})
        store.close()
        return str(tmp_path / "run")

    return make


def test_diagnose_on_the_command_line(stored, tmp_path):
    from babysit.cli.diagnose import command

    folder = stored(stuck(**{"output.row_sum_error": [1e-7] * STEPS}))
    done = CliRunner().invoke(
        command, [folder, "--json", str(tmp_path / "v.json"), "--fail-on", "error"], standalone_mode=False
    )
    assert done.return_value == 1
    assert "loss-expects-logits" in done.output
    assert json.loads((tmp_path / "v.json").read_text())["findings"][0]["id"] == "loss-expects-logits"
    done = CliRunner().invoke(command, [folder, "--json", "-"], standalone_mode=False)
    assert done.return_value == 0
    assert json.loads(done.output)["status"] == "findings"


def test_explain_on_the_command_line():
    from babysit.cli.explain import command
    from babysit.errors import BabysitError

    page = CliRunner().invoke(command, ["dead_relu"], standalone_mode=False).output
    assert page.startswith("dead-relu\n\nMany ReLU units give zero")
    assert "Told apart from:" in page
    whole = CliRunner().invoke(command, [], standalone_mode=False).output
    assert all(one.name in whole for one in RULES)
    with pytest.raises(BabysitError, match="did you mean dead-relu"):
        CliRunner().invoke(command, ["deadrelu"], standalone_mode=False, catch_exceptions=False)
