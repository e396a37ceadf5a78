"""The contract of every rule: its page, its two runs, silence where there is nothing to say, honesty about what it reads."""

from __future__ import annotations

import doctest
import math
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from babysit.doctor import all_rules
from babysit.record import Event, Run, Series
from babysit.rules import FAMILIES, Rule

ROOT = Path(__file__).parents[2]
RULES = {rule.name: rule for rule in all_rules()}
HEADINGS = ("Why it matters:", "Usual causes:", "Told apart from:", "Args:", "Examples:", "Source:")
WORDS = (ROOT / "docs" / "readings.md").read_text(encoding="utf-8")
NAMES = set(re.findall(r"`([a-z_0-9]+(?:\.[a-z_0-9]+)+)`", WORDS)) | {"lr"}
FACTS = set(re.findall(r"^\| `([a-z_]+)`(?:, `[a-z_]+`)* \|", WORDS.partition("## Facts")[2], re.M))
EVENTS = set(re.findall(r"`([a-z]+)` \(", WORDS.partition("## Events")[2]))
CATALOGUE = {
    "input-not-finite", "input-not-normalized", "input-squashed", "train-val-mismatch", "validation-leak",
    "labels-independent-of-inputs", "suspicious-labels", "minority-class-ignored", "batches-not-shuffled", "targets-not-scaled",
    "initial-loss-off", "init-scale", "symmetric-units", "output-bias-off", "loss-expects-logits", "output-cannot-reach-targets",
    "loss-summed", "loss-broadcasts", "loss-metric-disagree", "loss-wrong-sign", "gradients-accumulate", "step-without-gradients",
    "graph-cut", "vanishing-gradients", "exploding-gradients", "bad-batch", "dead-relu", "saturated-units", "output-ignores-input",
    "rank-collapse", "updates-too-small", "updates-too-large", "weights-unchanged", "parameters-not-optimized", "decay-only-updates",
    "learning-rate-too-high", "learning-rate-too-low", "schedule-starves-training", "loss-oscillates", "optimizer-epsilon-unsafe",
    "regularization-too-strong", "overfitting", "underfitting", "dropout-too-strong", "batchnorm-train-eval-gap", "batchnorm-tiny-batch",
    "validation-in-train-mode", "training-in-eval-mode", "loss-not-finite", "amp-skips-steps", "examples-leak-into-each-other",
    "replicas-diverge", "memory-grows", "missing-nonlinearity", "clipping-too-tight", "too-few-updates", "same-batch-every-step",
    "loss-term-dominates", "wrong-axis", "target-in-input", "regularization-not-wired", "metric-miscomputed",
    # beyond the published catalogue
    "target-not-finite", "optimizer-never-steps", "frozen-by-mistake", "loss-expects-log-probabilities", "loss-barely-changes",
    "outputs-not-zero-centred", "augmentation-breaks-labels", "padding-as-data",
}  # fmt: skip

each_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())


def findings(rule: Rule, run: Run) -> list:
    with np.errstate(all="ignore"):
        return list(rule(run))


def test_the_catalogue_is_whole():
    assert set(RULES) == CATALOGUE


@each_rule
def test_has_a_page_with_every_heading(rule):
    page = rule.page
    assert rule.title.endswith(".")
    assert len(rule.title) <= 120
    places = [page.find(f"\n{heading}") for heading in HEADINGS]
    assert -1 not in places, f"{rule.name} lacks {HEADINGS[places.index(-1)]}"
    assert places == sorted(places)
    assert "run:" in page
    assert len(rule.why.split()) >= 5
    assert rule.why[0].isupper() or not rule.why[0].isalpha()


@each_rule
def test_its_sick_run_is_found_and_its_healthy_run_is_not(rule):
    """The examples of the page run; one shows a finding, the other none or only an info."""
    module = __import__(rule.function.__module__, fromlist=["*"])
    test = doctest.DocTestParser().get_doctest(rule.page, dict(vars(module)), rule.name, None, 0)
    shown = [example.want for example in test.examples if rule.function.__name__ in example.source]
    assert any(want.startswith(("['", '["')) for want in shown), "no sick run"
    assert any(want.strip() in ("[]", "['info']") for want in shown), "no healthy run"
    output: list[str] = []
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=output.append).failed == 0, (
        "".join(output)
    )


@each_rule
def test_is_of_a_family_and_lives_in_the_file_of_its_name(rule):
    assert rule.family in FAMILIES
    assert rule.function.__module__.rpartition(".")[2] == rule.name.replace("-", "_")
    assert rule.name not in rule.explains
    assert set(rule.explains) <= set(RULES), set(rule.explains) - set(RULES)


@each_rule
def test_reads_only_words_of_the_language(rule):
    assert rule.reads
    for name in set(rule.reads) - {"step"}:
        kind, _, rest = name.partition(":")
        if kind == "fact":
            assert rest in FACTS | {"machine"}, name
        elif kind == "event":
            assert rest in EVENTS, name
        else:
            assert name in NAMES, name


@each_rule
def test_is_silent_on_an_empty_run(rule):
    assert findings(rule, Run()) == []
    assert findings(rule, Run.of({"loss.train": [2.3]})) == []


EXACT_ON_NAN = {"input-not-finite", "target-not-finite", "loss-not-finite", "amp-skips-steps"}


@each_rule
def test_is_silent_where_every_value_is_nan(rule):
    places = {"": [math.nan] * 40, "0": [math.nan] * 40, "fc1": [math.nan] * 40, "fc1.weight": [math.nan] * 40}
    said = findings(rule, Run.of(dict.fromkeys(sorted(NAMES), places), facts=FULL))
    if rule.name not in EXACT_ON_NAN:
        assert [one for one in said if one.severity != "info"] == []


FULL = {
    "task": {"kind": "classes", "classes": 10},
    "modules": [
        {"name": "fc1", "kind": "Linear", "parameters": ["fc1.weight"], "calls": 1, "model": "net"},
        {"name": "act", "kind": "ReLU", "activation": {"name": "relu", "range": [0, None], "can_die": True}, "calls": 1, "model": "net"},
        {"name": "fc2", "kind": "Linear", "parameters": ["fc2.weight"], "calls": 1, "model": "net"},
    ],
    "parameters": [
        {"name": "fc1.weight", "shape": [32, 16], "kind": "weight", "module": "fc1", "requires_grad": True, "optimizer": "0.0", "registered": True,
         "start": {"mean": 0.0, "std": 0.14, "constant": False}},
        {"name": "fc2.weight", "shape": [10, 32], "kind": "weight", "module": "fc2", "requires_grad": True, "optimizer": "0.0", "registered": True,
         "start": {"mean": 0.0, "std": 0.1, "constant": False}},
    ],
    "optimizers": [{"index": 0, "kind": "Adam", "groups": [{"lr": 1e-3, "weight_decay": 0.0, "betas": [0.9, 0.999], "eps": 1e-8}], "foreign": 0}],
    "criteria": [{"name": "", "kind": "CrossEntropyLoss", "reduction": "mean", "source": "train.py:3"}],
    "loops": {"train": "train.py:9", "step": "train.py:10"},
    "epochs": {"length": 20},
}  # fmt: skip

values = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True, width=64),
    st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e-12, 1e12, 2.3]),
)
series = st.lists(values, min_size=1, max_size=40)
places = st.dictionaries(
    st.sampled_from(["", "0", "fc1", "act", "fc2", "fc1.weight", "fc2.weight", "other"]), series, min_size=1, max_size=3
)


@st.composite
def runs(draw) -> Run:
    """A run with some of the readings at random places, steps and values, some facts, some events."""
    names = draw(st.lists(st.sampled_from(sorted(NAMES)), min_size=1, max_size=14, unique=True))
    run = Run()
    for name in names:
        for where, numbers in draw(places).items():
            stride = draw(st.integers(1, 40))
            for index, value in enumerate(numbers):
                run.append(index * stride, {(name, where): value})
    for name, value in FULL.items():
        if draw(st.booleans()):
            run.set_fact(name, value)
    if draw(st.booleans()):
        run.add_event(Event(run.step, "end", "", {"reason": "done"}))
        run.add_event(Event(3, "nonfinite", "fc1", {"site": "activation"}))
        run.add_event(Event(5, "val", "", {"examples": 100}))
    return run


class Spy(Run):
    """A run that remembers what was asked of it."""

    def watch(self) -> set[str]:
        self.asked: set[str] = set()
        return self.asked

    def _note(self, name: str) -> None:
        if hasattr(self, "asked"):
            self.asked.add(name)

    @property
    def step(self) -> int:
        self._note("step")
        return self.__dict__["step"]

    @step.setter
    def step(self, value: int) -> None:
        self.__dict__["step"] = value

    def series(self, what: str, where: str = "") -> Series:
        self._note(what)
        return super().series(what, where)

    def places(self, what: str) -> list[str]:
        self._note(what)
        return super().places(what)

    def last(self, what: str, where: str = "", default: float = math.nan) -> float:
        self._note(what)
        return super().last(what, where, default)

    def has(self, what: str) -> bool:
        self._note(what)
        return super().has(what)

    def tail(self, what: str, where: str, count: int) -> np.ndarray:
        self._note(what)
        return super().tail(what, where, count)

    def fact(self, name: str, default: Any = None) -> Any:
        self._note(f"fact:{name}")
        return super().fact(name, default)

    def events_of(self, kind: str) -> list[Event]:
        self._note(f"event:{kind}")
        return super().events_of(kind)

    def once(self, function, *names):
        return function(self)  # nothing is kept, so that every reading shows


def copied(run: Run) -> Spy:
    spy = Spy()
    spy.__dict__.update(run.__dict__)
    return spy


@settings(max_examples=120)
@given(runs())
def test_no_rule_ever_breaks_and_each_reads_only_what_it_declares(run):
    spy = copied(run)
    for rule in RULES.values():
        asked = spy.watch()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # overflow of invented numbers, silenced by the doctor too
            said = findings(rule, spy)
        assert asked <= set(rule.reads), f"{rule.name} reads {sorted(asked - set(rule.reads))} without saying so"
        for one in said:
            assert one.id == rule.name
            assert 0 <= one.confidence <= 1
            assert one.severity in ("info", "warning", "error")
            assert one.stage in ("symptom", "suspect", "confirmed")
            assert one.message.strip()
            assert one.evidence
            assert one.remedies
            assert one.step >= 0


def test_every_remedy_is_in_the_vocabulary_of_edits():
    from babysit.record import Remedy, remedies

    table = set(re.findall(r"^\| `([a-z_]+)` \|", (ROOT / "docs" / "edits.md").read_text(encoding="utf-8"), re.M))
    found = [value for value in vars(remedies).values() if isinstance(value, Remedy)]
    assert len(found) > 30
    for remedy in found:
        assert set(remedy.edit or {}) <= table, remedy.title
        assert remedy.title[0].isupper()
        assert remedy.code
    used = {name for remedy in found for name in remedy.edit or {}}
    text = (ROOT / "docs" / "edits.md").read_text(encoding="utf-8")
    for name in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", text):
        assert name in RULES or name in ("zero-backward-step",), name
    assert used <= table


def test_every_finding_is_on_the_page_of_findings():
    page = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    for rule in RULES.values():
        assert f"## {rule.name}\n" in page
        assert rule.title in page, f"docs/findings.md is old: run python docs/make_findings.py ({rule.name})"
