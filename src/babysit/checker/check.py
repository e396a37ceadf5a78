"""The verb `check`: questions put to a training before hours are spent on it.

A training comes as a script (run unchanged, in a process of its own, for its first steps), as a recipe, or as a
model with its criterion and a loader. Its first steps are taken down (`captured/`), and every check of `checks/` is
put to copies of them: what costs only a look first, short trainings last, all within a time.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..checks import Check, Outcome
from ..errors import DataError, RecipeError, did_you_mean
from ..record import Finding, Recipe
from ..registry import members
from .attempt import Enough
from .captured.asking import Asking
from .captured.recording import Recorder
from .captured.subject import Subject

if TYPE_CHECKING:
    from torch.optim import Optimizer

TIME = 10.0
"""Seconds that all checks of one training may take together, unless told otherwise."""
MARKS = {True: "✔", False: "✖", None: "·"}


@dataclass
class Report:
    """What all checks said.

    Attributes:
        outcomes: one for each check, in the order they were asked.
        what: the script, recipe or model that was checked.
        seconds: all in all.

    Examples:
        >>> report = Report([Outcome(True, "2.3", "2.31", id="initial-loss", seconds=0.01)], "net")
        >>> report.passed, report.status
        (True, 'healthy')
        >>> print(report)
        ✔ initial-loss               2.31   expected 2.3   0.01 s
        1 passed
    """

    outcomes: list[Outcome] = field(default_factory=list)
    what: str = ""
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """No check failed (some may not have been judged)."""
        return not any(one.passed is False for one in self.outcomes)

    @property
    def findings(self) -> list[Finding]:
        """What is wrong, the severe first, each cause once."""
        order = {"error": 0, "warning": 1, "info": 2}
        found: dict[str, Finding] = {}
        for outcome in self.outcomes:
            for finding in outcome.findings:
                if outcome.passed is False or finding.severity == "info":
                    old = found.get(finding.id)
                    if old is None or order[finding.severity] < order[old.severity]:
                        found[finding.id] = finding
        return sorted(found.values(), key=lambda finding: order[finding.severity])

    @property
    def status(self) -> str:
        """ "healthy", "findings", or "unknown" where nothing could be judged."""
        if not self.passed:
            return "findings"
        return "healthy" if any(one.passed for one in self.outcomes) else "unknown"

    def __getitem__(self, name: str) -> Outcome:
        """The outcome of one check, by its name."""
        for one in self.outcomes:
            if one.id == name:
                return one
        raise KeyError(name)

    def __str__(self) -> str:
        counts = [sum(one.passed is value for one in self.outcomes) for value in (True, False, None)]
        words = [
            f"{count} {word}" for count, word in zip(counts, ("passed", "failed", "not judged"), strict=True) if count
        ]
        return "\n".join([*map(line, self.outcomes), ", ".join(words) or "nothing was asked"])

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """The public JSON form (schema 1)."""
        return {
            "schema": 1,
            "status": self.status,
            "what": self.what,
            "seconds": round(self.seconds, 3),
            "checks": [to_plain(one) for one in self.outcomes],
            "findings": [one.to_dict() for one in self.findings],
        }


def line(outcome: Outcome) -> str:
    """One outcome as text."""
    head = f"{MARKS[outcome.passed]} {outcome.id:<26}"
    if outcome.passed is None:
        return f"{head} cannot be judged here: {outcome.reason}"
    text = f"{head} {outcome.measured}   expected {outcome.expected}   {outcome.seconds:.2f} s"
    return f"{text}\n    {outcome.reason}" if outcome.reason else text


def to_plain(outcome: Outcome) -> dict[str, Any]:
    """An outcome as plain JSON values."""
    return {
        "id": outcome.id, "passed": outcome.passed, "expected": outcome.expected, "measured": outcome.measured,
        "reason": outcome.reason, "seconds": round(outcome.seconds, 4),
        "suggests": {name: list(value) if isinstance(value, tuple) else value for name, value in outcome.suggests.items()},
        "findings": [one.to_dict() for one in outcome.findings],
    }  # fmt: skip


def from_plain(plain: dict[str, Any]) -> Outcome:
    """The inverse of `to_plain`."""
    values = dict(plain)
    values["findings"] = tuple(Finding.from_dict(one) for one in values.get("findings", ()))
    return Outcome(**values)


def chosen(only: Iterable[str] | None = None) -> list[Check]:
    """All checks, or those named, cheap ones first and gates in their order.

    Raises:
        RecipeError: a name that no check has.
    """
    known: dict[str, Check] = members("babysit.checks", Check)  # type: ignore[assignment]
    if only is not None:
        for name in only:
            if name not in known:
                raise RecipeError(f"there is no check {name!r}{did_you_mean(name, known, 'babysit check --list')}")
        known = {name: known[name] for name in only}
    return sorted(known.values(), key=lambda one: (one.cost, one.gate if one.gate is not None else 99, one.name))


def ask(asking: Asking, checks: Sequence[Check], seconds: float) -> Iterator[Outcome]:
    """Put checks to a training, each within its share of the time."""
    end = time.monotonic() + seconds
    for number, check_ in enumerate(checks):
        left = end - time.monotonic()
        share = left / (len(checks) - number) * 3
        asking.until = time.monotonic() + min(left, share)
        if left <= 0:
            yield Outcome(None, "", "", reason="there was no time left for it; give more with --time", id=check_.name)
            continue
        try:
            yield check_(asking.recipe, asking)
        except Exception as error:  # a check that breaks must not take the others with it
            reason = f"the check itself broke down ({type(error).__name__}: {error})"
            yield Outcome(None, "", "", reason=reason, id=check_.name)


def check(
    model: nn.Module,
    criterion: Callable[..., torch.Tensor],
    loader: Iterable[Any],
    *,
    optimizer: Optimizer | None = None,
    val_loader: Iterable[Any] | None = None,
    only: Iterable[str] | None = None,
    time: float = TIME,
) -> Report:
    """Ask everything that can be asked before training, of a model, its criterion and its data.

    Copies are asked: model and optimizer are as they were afterwards, and so is PyTorch's random state.

    Args:
        criterion: `criterion(model(x), y) -> scalar`.
        loader: gives `(x, y)`; a tuple or dict x is handed to the model as its arguments.
        optimizer: yours over `model.parameters()`; without one Adam is used and it is not asked about.
        val_loader: validation batches, for what compares both.
        only: names of checks.
        time: seconds for all of them.

    Raises:
        DataError: the loader gives no `(x, y)`.
        Exception: the model's or criterion's own, as it is.

    Examples:
        >>> import torch
        >>> _ = torch.manual_seed(0)
        >>> x = torch.randn(256, 8)
        >>> y = (x[:, 0] > 0).long()
        >>> loader = [(x[i : i + 32], y[i : i + 32]) for i in range(0, 256, 32)]
        >>> net = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
        >>> check(net, torch.nn.CrossEntropyLoss(), loader).passed
        True
        >>> sick = torch.nn.Sequential(net, torch.nn.Softmax(1))
        >>> check(sick, torch.nn.CrossEntropyLoss(), loader, only=["loss-gets-scores"]).findings[0].id
        'loss-expects-logits'
    """
    began = _now()
    checks = chosen(only)
    random = torch.random.get_rng_state()
    try:
        asking = Asking(_of_model(model, criterion, loader, optimizer, val_loader))
        outcomes = list(ask(asking, checks, time))
    finally:
        torch.random.set_rng_state(random)
    return Report(outcomes, type(model).__name__, _now() - began)


def _now() -> float:
    return time.perf_counter()


def _of_model(model: nn.Module, criterion: Any, loader: Any, optimizer: Any, val_loader: Any) -> Subject:
    mine, loss, own = copy.deepcopy((model, criterion, optimizer))
    stepping = (
        own
        if own is not None
        else torch.optim.Adam(
            [one for one in mine.parameters() if one.requires_grad] or [torch.zeros(1, requires_grad=True)]
        )
    )
    device = next((one.device for one in mine.parameters()), torch.device("cpu"))
    with Recorder(wait=math.inf) as recorder:
        recorder.subject.given = own is not None
        try:
            _train(mine, loss, loader, stepping, device)
            if val_loader is not None:
                _validate(mine, val_loader, device)
        except Enough:
            pass
    if not recorder.subject.recorded and not recorder.subject.problem:
        raise DataError("the loader must give batches (x, y), but it gave none")
    return recorder.subject


def _train(model: nn.Module, criterion: Any, loader: Any, optimizer: Any, device: torch.device) -> None:
    examples = 0
    for number, batch in enumerate(loader):
        args, kwargs, y = _parts(batch, device)
        loss = criterion(model(*args, **kwargs), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        examples += len(y) if isinstance(y, torch.Tensor) and y.ndim else 1
        if number >= 3 and (examples >= 512 or number >= 24):
            return


def _validate(model: nn.Module, loader: Any, device: torch.device) -> None:
    model.eval()
    with torch.no_grad():
        for number, batch in enumerate(loader):
            args, kwargs, _ = _parts(batch, device)
            model(*args, **kwargs)
            if number >= 200:
                return


def _parts(batch: Any, device: torch.device) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
    """(args, kwargs, target) of a batch."""

    def on(thing: Any) -> Any:
        return thing.to(device) if isinstance(thing, torch.Tensor) else thing

    if not isinstance(batch, tuple | list) or len(batch) < 2:
        raise DataError(f"a batch must be (x, y), but the loader gave {type(batch).__name__}")
    *first, y = batch
    x = first[0] if len(first) == 1 else tuple(first)
    if isinstance(x, dict):
        return (), {name: on(value) for name, value in x.items()}, on(y)
    args = tuple(x) if isinstance(x, tuple | list) else (x,)
    return tuple(map(on, args)), {}, on(y)


# recipes


class _OfRecipe(Asking):
    """Short trainings by the trainer itself, looks at what it does."""

    def __init__(self, subject: Subject, recipe: Recipe, brief: Any) -> None:
        super().__init__(subject)
        self._recipe, self._brief, self._ours = recipe, brief, self.recipe
        self.recipe = recipe

    def __call__(self, recipe: Recipe, **options: Any) -> Any:
        self.check_time()
        if "zeroed" in options:
            factor = recipe.lr / self._recipe.lr
            self.recipe, asked = self._ours, self._ours.edit(lr=self._ours.lr * factor)
            try:
                return super().__call__(asked, **options)
            finally:
                self.recipe = self._recipe
        return self._brief(recipe, **options)


def check_recipe(recipe: Recipe, checks: Sequence[Check], seconds: float = TIME) -> Iterator[Outcome]:
    """Put checks to what `train` would do with a recipe.

    Raises:
        RecipeError, DataError: the recipe can't be, or its data can't be learned from.
    """
    from ..data import load
    from ..trainer.brief import brief
    from ..trainer.defaults import chosen as given
    from ..trainer.defaults import settle
    from ..trainer.loop import Training
    from ..trainer.prepared import prepare

    split = load(recipe)
    recipe = settle(recipe, split, given(recipe))
    prepared = prepare(recipe, split)
    training = Training(recipe, split, prepared=prepared)
    with Recorder(wait=math.inf) as recorder, training.random:
        try:
            _steps(training)
            training.evaluate("val")
        except Enough:
            pass
    yield from ask(_OfRecipe(recorder.subject, recipe, brief(split, prepared, recipe)), checks, seconds)


def _steps(training: Any) -> None:
    """One pass at most, as the loop does it."""
    order = torch.randperm(len(training.prepared.train), generator=training.order)
    batches = training.prepared.train.batches(order, training.batch, count=training.epoch_steps, noise=training.noise)
    for x, y in batches:
        training.take_step(x, y, training.recipe.lr)
