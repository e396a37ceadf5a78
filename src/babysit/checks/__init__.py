"""What to ask before training: one file = one check, a function of a recipe and of `train`.

A check edits the recipe, trains a little, and judges the run that comes back. It never trains by
itself: `train` is handed in, so the same check asks our own trainer, a script run unchanged, or a
hand-written run in a test.

To add one: a file here (or an entry point "babysit.checks") with

    @check
    def initial_loss(recipe, train, *, limit=1.0):
        '''One line: the question. … Why it matters / Args / Examples / Source.'''
        run = train(recipe.edit(weight_decay=0), steps=0)
        return Outcome(passed=…, expected="2.30 (ln 10)", measured="2.41")

`@check(gate=5)` makes it one of the gates before learning, which stop a training that fails them, in
the order of their numbers. `@check(cost=1)` says that it needs more than a look: cheap ones are asked first.
A check that only looks, and trains nothing, asks `look(train, "inputs")` for a run of readings (docs/readings.md);
what there is to look at is listed in docs/checks.md. The docstring is its page. Checks need no torch.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, overload

from ..record import Evidence, Finding, Recipe, Remedy, Run
from ..record.finding import Severity

UNREGULARIZED: dict[str, Any] = {"weight_decay": 0.0, "dropout": 0.0, "label_smoothing": 0.0, "augment": "none"}
"""The edit that takes every regularization off."""


class Train(Protocol):
    """Train a little and give the run; nothing is written to disk.

    The run has, at step 0, before any step: `loss.train` over the examples (in training mode),
    `loss.chance`, `loss.uniform` (what equal outputs cost), `loss.penalty` (the L2 term of the
    optimizer's own weight decay) and `weight.norm` of each matrix; at each step `loss.train` and `lr`;
    after the last step `weight.norm` again and `accuracy.train` or `r2.train` over the same examples.
    Facts: `task` with its "kind" and "classes", `loss` the criterion's name.

    Raises:
        CannotJudge: this training can't be asked that (a script whose data can't be cut to 20 examples).
    """

    def __call__(
        self,
        recipe: Recipe,
        *,
        steps: int,
        examples: int | None = None,
        ramp: tuple[float, float] | None = None,
        until: float | None = None,
    ) -> Run:
        """Train `recipe` for some steps.

        Args:
            steps: optimizer steps at most; 0 only measures.
            examples: train on so many examples only, all of them in each batch.
            ramp: lr rises exponentially from the first to the second value over the steps.
            until: end when the loss is below this (and every example is right).
        """
        ...


class CannotJudge(Exception):
    """This question can't be answered here; the text says why."""


def look(train: Train, name: str) -> Run:
    """What `train` can measure without training, by name: "inputs", "targets", "criterion" …

    Raises:
        CannotJudge: this `train` can't look at that.
    """
    ask = getattr(train, "look", None)
    if ask is None:
        raise CannotJudge(f"this training can't be looked at ({name})")
    return ask(name)


def sick(
    id: str,
    message: str,
    *,
    severity: Severity = "error",
    where: str | None = None,
    evidence: tuple[Evidence, ...] = (),
    remedies: tuple[Remedy, ...] = (),
) -> Finding:
    """What a failed check found: measured on the real thing, so confirmed."""
    return Finding(id, message, severity, "confirmed", 0.9, where=where, evidence=evidence, remedies=remedies)


@dataclass(frozen=True)
class Outcome:
    """The answer to a check.

    Attributes:
        passed: None when it can't be judged here.
        expected, measured: in words, short.
        reason: why it failed or can't be judged, and the way out; empty when it passed.
        suggests: what the check found out for later steps, such as {"lr": (1e-4, 1e-2)}.
        findings: what is wrong, for the doctor's views.
        seen: facts for the record that a figure is drawn of, by their names.
        id, seconds: the check's name and what it cost, filled in by the check.
    """

    passed: bool | None
    expected: str
    measured: str
    reason: str = ""
    suggests: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    seen: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The public JSON form (schema 1)."""
        return {"id": self.id, "passed": self.passed, "expected": self.expected, "measured": self.measured}


@dataclass(frozen=True)
class Check:
    """One question: `check(recipe, train)` gives its outcome.

    Attributes:
        name: the public id, "initial-loss".
        gate: its place among the gates before learning; None when it is no gate.
        cost: 0 looks, 1 takes a few passes or steps, 2 trains.
    """

    name: str
    function: Callable[..., Outcome]
    gate: int | None = None
    cost: int = 0

    def __call__(self, recipe: Recipe, train: Train, **limits: Any) -> Outcome:
        began = time.perf_counter()
        try:
            outcome = self.function(recipe, train, **limits)
        except CannotJudge as why:
            outcome = Outcome(None, "", "", reason=str(why))
        return replace(outcome, id=self.name, seconds=time.perf_counter() - began)

    @property
    def page(self) -> str:
        """The documentation: the function's docstring."""
        return inspect.getdoc(self.function) or ""

    @property
    def title(self) -> str:
        """The first line of the page."""
        return self.page.partition("\n")[0]


@overload
def check(function: Callable[..., Outcome], /) -> Check: ...
@overload
def check(*, gate: int | None = None, cost: int = 0) -> Callable[[Callable[..., Outcome]], Check]: ...
def check(function: Callable[..., Outcome] | None = None, /, *, gate: int | None = None, cost: int = 0) -> Any:
    """Make a check of a function; its id is the function's name with dashes."""

    def make(function: Callable[..., Outcome]) -> Check:
        made = Check(function.__name__.replace("_", "-"), function, gate, cost)
        object.__setattr__(made, "__doc__", function.__doc__)
        object.__setattr__(made, "__module__", function.__module__)
        return made

    return make if function is None else make(function)


def gates(checks: Mapping[str, Check]) -> list[Check]:
    """The gates among some checks, in their order."""
    found = [(one.gate, name, one) for name, one in checks.items() if one.gate is not None]
    return [one for _, _, one in sorted(found, key=lambda entry: entry[:2])]
