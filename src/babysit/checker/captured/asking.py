"""The `train` that checks get for a training that was taken down: short trainings, and looks by name."""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from ...checks import CannotJudge
from ...record import Recipe, Run
from .step import Body, Played, Step
from .subject import Subject

_CRITERIA = {"cross_entropy": "cross_entropy", "nll_loss": "cross_entropy", "mse_loss": "mse"}


class Asking:
    """Asks a subject.

    Args:
        until: monotonic time when a check has to end.

    Attributes:
        recipe: what of the program can be edited, as a recipe: lr, weight_decay, dropout, label_smoothing.
    """

    def __init__(self, subject: Subject, until: float = math.inf) -> None:
        self.subject, self.until = subject, until
        self.recipe = _recipe(subject)
        self._looks: dict[str, Run] = {}

    # looks

    def look(self, name: str) -> Run:
        """What `look_<name>.py` measures, once."""
        if name not in self._looks:
            look: Callable[[Asking], Run] = importlib.import_module(f".look_{name}", __package__).look
            with torch.random.fork_rng():
                torch.manual_seed(0)
                self._looks[name] = look(self)
        return self._looks[name]

    def playable(self) -> Step:
        """The step that is played again.

        Raises:
            CannotJudge: nothing was taken down that can be.
        """
        if self.subject.problem or not self.subject.recorded:
            raise CannotJudge(self.subject.problem or "no backward pass was seen")
        return self.subject.first

    def fresh(self) -> Body:
        """Copies of the models and optimizers as they were before the first step."""
        return self.subject.body.copy()

    def check_time(self) -> None:
        """Raises CannotJudge when the time is over."""
        if time.monotonic() > self.until:
            raise CannotJudge("there was no time left for it; give more with --time")

    # trainings

    def __call__(
        self,
        recipe: Recipe,
        *,
        steps: int,
        examples: int | None = None,
        ramp: tuple[float, float] | None = None,
        until: float | None = None,
        zeroed: bool = False,
    ) -> Run:
        """As `checks.Train` says; `zeroed` trains on inputs that are all zero."""
        self.playable()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return _Short(self, recipe, examples, zeroed).run(steps, ramp, until)


class _Short:
    """One short training."""

    def __init__(self, asking: Asking, recipe: Recipe, examples: int | None, zeroed: bool) -> None:
        self.asking, self.recipe, self.base, self.zeroed = asking, recipe, asking.recipe, zeroed
        subject = asking.subject
        self.body = asking.fresh()
        self.options = {"label_smoothing": 0.0} if recipe.label_smoothing != self.base.label_smoothing else None
        _edit(self.body, recipe, self.base)
        self.steps = [step for step in subject.recorded if step.size == subject.first.size] or [subject.first]
        self.rows = None
        if examples is not None:
            self.steps = [subject.first]
            self.rows = _rows(subject.first, examples)

    def run(self, steps: int, ramp: tuple[float, float] | None, until: float | None) -> Run:
        subject = self.asking.subject
        if steps:
            _trainable(subject)
        run = Run()
        run.set_fact("task", {"kind": subject.kind, "classes": subject.classes})
        run.set_fact("floor", "unknown" if _floor(subject) else "zero")
        if subject.given and subject.rates and subject.kind != "unknown":
            run.set_fact("lr", max(subject.rates.values()))
        played = self._play(0)
        call = next((one for one in played.calls if one.output.requires_grad), None)
        run.set_fact("loss", _CRITERIA.get(call.name if call else "", call.name if call else "own"))
        run.append(0, _start(call, played, self.body) | _norms(self.body))
        enough = 1.0 if subject.kind in ("classes", "sequence") else 0.95
        for step in range(steps):
            self.asking.check_time()
            rate = None if ramp is None else ramp[0] * (ramp[1] / ramp[0]) ** (step / max(1, steps - 1))
            value, played = self._take(step, rate)
            run.append(step + 1, {("loss.train", ""): value, ("lr", ""): rate or self.recipe.lr})
            if not math.isfinite(value) or value > 1e12:
                break
            if until is not None and value < until and _right(subject, played) >= enough:
                break
        name = "r2.train" if subject.kind == "regression" else "accuracy.train"
        right = _right(subject, self._play(0)) if steps else math.nan
        if not math.isnan(right):
            run.append(run.step, {(name, ""): right})
        run.append(run.step, _norms(self.body))
        return run

    def _play(self, number: int) -> Played:
        step = self.steps[number % len(self.steps)]
        replace = None
        if self.zeroed:
            replace = {slot: torch.zeros_like(step.outside[slot]) for slot in step.inputs}
        return step.play(self.body, rows=self.rows, replace=replace, options=self.options)

    def _take(self, number: int, rate: float | None) -> tuple[float, Played]:
        optimizer = self.body.optimizers[0]
        if rate is not None:
            highest = max(float(group["lr"]) for group in optimizer.param_groups) or 1.0
            for group in optimizer.param_groups:
                group["lr"] = rate * (float(group["lr"]) / highest if highest else 1.0) or rate
        found: list[Played] = []

        def closure() -> Tensor:
            played = self._play(number)
            self.body.zero_grad()
            if not math.isfinite(float(played.loss.detach())):
                found.append(played)
                return played.loss
            played.loss.backward()
            found.append(played)
            return played.loss

        if self.asking.subject.closures:
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
        return float(found[0].loss.detach()), found[0]


def _trainable(subject: Subject) -> None:
    if not subject.body.optimizers:
        raise CannotJudge("no optimizer made a step")
    if len(subject.body.optimizers) > 1:
        raise CannotJudge("several optimizers take turns, which can't be repeated step by step")


def _recipe(subject: Subject) -> Recipe:
    groups = [group for one in subject.body.optimizers for group in one.param_groups]
    rate = max(subject.rates.values(), default=0.0) or max((float(group["lr"]) for group in groups), default=1e-3)
    smoothing = max(
        (float(call.options.get("label_smoothing", 0)) for step in subject.recorded for call in step.calls), default=0.0
    )
    dropout = [one.p for module in subject.body.modules for one in module.modules() if isinstance(one, _DropoutNd)]
    dropout += [float(one.dropout) for module in subject.body.modules for one in module.modules()
                if isinstance(one, nn.RNNBase | nn.MultiheadAttention)]  # fmt: skip
    return Recipe(
        data="captured", preprocess="none", schedule="constant", batch=max(1, subject.first.size if subject.recorded else 1),
        lr=max(rate, 1e-30), weight_decay=max((float(group.get("weight_decay", 0.0)) for group in groups), default=0.0),
        dropout=min(0.999, max(dropout, default=0.0)), label_smoothing=smoothing,
    )  # fmt: skip


_ALWAYS = ("data", "augment", "batch", "schedule", "warmup")
_CAN = ("lr", "weight_decay", "dropout", "label_smoothing")


def _edit(body: Body, recipe: Recipe, base: Recipe) -> None:
    """Change the copies as the recipe says against the base."""
    for name, value in recipe.to_dict().items():
        if name not in _ALWAYS and name not in _CAN and value != base.to_dict()[name]:
            raise CannotJudge(f"{name} of a program can't be changed")
    if recipe.weight_decay > 0 and not base.weight_decay:
        raise CannotJudge("the optimizer uses no weight decay")
    for optimizer in body.optimizers:
        highest = max((float(group.get("lr", 0.0)) for group in optimizer.param_groups), default=0.0)
        for group in optimizer.param_groups:
            share = float(group["lr"]) / highest if highest else 1.0
            group["lr"] = recipe.lr * share
            if recipe.weight_decay != base.weight_decay and "weight_decay" in group:
                decays = group["weight_decay"] or not base.weight_decay
                group["weight_decay"] = recipe.weight_decay if decays else 0.0
    if recipe.dropout != base.dropout:
        for module in body.modules:
            for one in module.modules():
                if isinstance(one, _DropoutNd):
                    one.p = recipe.dropout
                elif isinstance(one, nn.RNNBase | nn.MultiheadAttention):
                    one.dropout = recipe.dropout


def _rows(step: Step, count: int) -> Tensor:
    """Rows of `count` examples, classes in turn, repeated up to the batch's size (the program may rely on that)."""
    call = step.main
    order = torch.arange(step.size)
    if (
        call is not None
        and call.target.ndim == 1
        and len(call.target) == step.size
        and not call.target.is_floating_point()
    ):
        turn = torch.zeros(step.size, dtype=torch.long)
        for label in call.target.unique():
            rows = (call.target == label).nonzero().flatten()
            turn[rows] = torch.arange(len(rows))
        order = torch.sort(turn, stable=True).indices
    chosen = order[: min(count, step.size)].sort().values
    return chosen.repeat(-(-step.size // len(chosen)))[: step.size]


def _floor(subject: Subject) -> bool:
    """May the loss have a floor above zero that nobody knows?"""
    call = subject.first.main
    if subject.composite or subject.kind in ("unknown", "sequence") or subject.reconstructs:
        return True
    if call is not None and call.target.is_floating_point() and subject.kind in ("binary", "multilabel"):
        return bool(((call.target != 0) & (call.target != 1)).any())
    return len(subject.first.inputs) != 1


def _start(call: Any, played: Played, body: Body) -> dict[tuple[str, str], float]:
    """The loss before any step, beside what equal outputs and the best constant cost."""
    from .chance import chance, uniform

    value = float(played.loss.detach())
    found = {("loss.train", ""): value, ("loss.penalty", ""): _penalty(body)}
    if call is not None:
        own = float(call.value.detach().mean()) if call.value is not None else value
        found |= {("loss.criterion", ""): own, ("loss.uniform", ""): uniform(call), ("loss.chance", ""): chance(call)}
    return found


def _penalty(body: Body) -> float:
    total = 0.0
    for optimizer in body.optimizers:
        for group in optimizer.param_groups:
            if group.get("weight_decay"):
                total += (
                    0.5
                    * float(group["weight_decay"])
                    * sum(float(one.detach().square().sum()) for one in group["params"])
                )
    return total


def _norms(body: Body) -> dict[tuple[str, str], float]:
    return {
        ("weight.norm", name): float(one.detach().norm()) for name, one in body.parameters().items() if one.ndim >= 2
    }


def _right(subject: Subject, played: Played) -> float:
    from ...hosts.edits.stage import Call
    from ..score import tally

    for call in played.calls:
        if call.output.requires_grad:
            found = tally(Call(call.name, call.output, call.target, (), dict(call.options)))
            return found.score if found is not None else math.nan
    return math.nan
