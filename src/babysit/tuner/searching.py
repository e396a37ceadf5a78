"""search: many edits drawn from a space, each trained, all judged, coarse to fine."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from ..errors import RecipeError
from ..record import Recipe
from ..record.study import Trial
from .driver import Search
from .job import Executor, Serial
from .kept import Kept
from .plan import Plan, Progress
from .result import Searched
from .scripts import ScriptTraining
from .space import Space, usual


def search(
    data: Any = None,
    *,
    space: Any = None,
    fields: Sequence[str] | None = None,
    recipe: Recipe | None = None,
    model: Any = None,
    train: Callable[[Recipe], Any] | None = None,
    folds: int = 1,
    trials: int | None = None,
    time: float | str | None = None,
    epochs: int | None = None,
    method: Any = "staged",
    believe: int = 3,
    seeds: int = 3,
    executor: Executor | str = "auto",
    engine: str = "auto",
    workers: int | None = None,
    out: str | Path | None = None,
    storage: Any = None,
    name: str = "search",
    seed: int = 0,
    on_trial: Callable[[Trial, Searched], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Searched:
    """Find good hyperparameters, coarse to fine.

    Args:
        data: what a recipe's `data` may be, a `Split` that is loaded already, or `(X, y)`.
        space: field -> `log`, `uniform`, `integers`, `choice`, or a TOML file; by default the usual ranges of `fields`.
        fields: the recipe fields to search (`usual`), where no space is given.
        recipe: the base that every trial edits; its `epochs` are those of a full training.
        model: `factory(hp) -> nn.Module`, instead of the recipe's own network; `hp` has the trial's values and
            the recipe's, and `shape` and `classes`. Or "module:factory" or "file.py:factory", as in a recipe.
        train: a training of your own, `train(recipe) -> Run`, instead of ours (or what `training_of` makes of a script).
        folds: cross-validation with so many; 1 uses the split's validation part.
        trials: how many in all; without it and without `time`, 100.
        time: seconds, or "90s", "5m", "1h"; kept, the final re-training included.
        epochs: of a full training, instead of the recipe's.
        method: "staged", or for comparison "random", "grid", "sobol", "tpe", "cmaes", "gp", or any Optuna sampler.
        believe: the best so many are trained again with `seeds` seeds before one is believed (0 for none).
        executor: "auto" (in this process), "serial", "processes", "ray", "ray://address", or one of your own.
        engine: "auto" (measured), "batched", "vmap", "solo": how trials are trained in one process.
        workers: threads or processes, by default the cores.
        out: a folder; the same call again goes on where it was, however it ended.
        storage: an Optuna storage URL instead of a journal in `out`.
        seed: of the draws.
        on_trial: called as each trial ends.
        on_progress: called several times a second at most, for a live table.

    Returns:
        The study: `best`, `table()`, `fit_best()`, `optuna`, and the trials.

    Raises:
        RecipeError: an empty or contradictory space, a field that doesn't exist, a value that can't be.
        DataError: more folds than examples, or no validation examples.
        OutputError: the folder or storage can't be reached or written.

    Examples:
        >>> from babysit.tuner import log
        >>> study = search("iris", space={"lr": log(1e-3, 1)}, trials=8, epochs=4, believe=0)
        >>> len(study.trials), 0.5 < study.best.score <= 1
        (8, True)
    """
    from torch import nn

    from ..data import Split, load
    from ..nn.foreign import factory
    from .work import Work

    began, seconds = monotonic(), seconds_of(time)
    base = recipe or Recipe(epochs=30)
    if isinstance(data, str | Path):
        base = base.edit(data=str(data))
    if isinstance(model, str):
        base, model = base.edit(model=model), None
    own = model is not None or ":" in base.model
    if model is not None and (isinstance(model, nn.Module) or not callable(model)):
        raise RecipeError(f"model must be a function that makes a network, such as lambda hp: …, but is {_kind(model)}")
    if ":" in base.model:
        factory(base.model)  # a wrong name is said before the data are read
    chosen = None if space is None else Space.of(space, base=None if own else base)
    script = train if isinstance(train, ScriptTraining) else None
    if epochs is not None:
        base = base.edit(epochs=epochs)
    if train is not None:
        work: Any = train if isinstance(train, Executor) else _Opaque(train, base)  # a script brings its own way to run
        executor = train if isinstance(train, Executor) else executor
        task = "classification"
    else:
        split = data if isinstance(data, Split) else load(base, data=None if isinstance(data, str | Path) else data)
        work, task = Work(base, split, model=model, folds=folds), split.task
    if chosen is None:
        chosen = usual(base, fields, task=task)
    if own:
        _check_own(chosen, base)
    each = None if script is None or time is None else script.seconds / script.jobs
    left = None if seconds is None else max(0.1, seconds - (monotonic() - began))  # reading the data takes of it too
    plan = Plan.of(trials, left, base.epochs, method, believe, seeds, each)
    found = Search(
        work, chosen, base, plan, executor=_executor(executor, work, engine, workers), folds=folds, task=task,
        out=None if out is None else Path(out), storage=storage, name=name, seed=seed,
        on_trial=on_trial, on_progress=on_progress,
    )  # fmt: skip
    if found.out is not None:
        kept = Kept(found.study, found.out)
        found.on_trial, found.on_progress = _both(on_trial, kept), _both(on_progress, kept)
    return found.run()


def _both(first: Callable[..., None] | None, second: Callable[..., None]) -> Callable[..., None]:
    def call(*given: Any) -> None:
        if first is not None:
            first(*given)
        second(*given)

    return call


class _Opaque:
    """A training that is handed in: it starts anew at each rung, since nobody knows how to go on with it."""

    def __init__(self, train: Callable[..., Any], base: Recipe) -> None:
        self.train, self.recipe, self.task, self.ignored = train, base, "classification", set()
        self._takes_job = "until" in inspect.signature(train).parameters

    def __call__(self, job: Any) -> Any:
        from .opaque import outcome_of

        return outcome_of(self.train, self.recipe, job, self._takes_job)


def _executor(asked: Executor | str, work: Any, engine: str, workers: int | None) -> Executor:
    if not isinstance(asked, str):
        return asked
    if isinstance(work, _Opaque) and asked == "auto":
        asked = "serial"
    if asked == "serial":
        return Serial()
    if asked == "auto":
        from .fleet import Fleet

        return Fleet(engine=engine, threads=workers)
    if asked == "processes":
        from .processes import Processes

        return Processes(workers, engine=engine)
    if asked == "ray" or asked.startswith("ray:"):
        from .ray import Ray

        return Ray("auto" if asked == "ray" else asked, engine=engine)
    raise RecipeError(f"executor must be auto, serial, processes or ray, but got {asked!r}")


def _kind(model: Any) -> str:
    return f"{type(model).__name__}, " + ("a network already made" if callable(model) else "which can't be called")


def _check_own(space: Space, base: Recipe) -> None:
    """Fields that are a recipe's must have values that a recipe may have; the others are the model's own."""
    from dataclasses import fields as specs
    from dataclasses import replace

    names = {spec.name for spec in specs(Recipe)}
    for name, one in space.items():
        if name in names:
            Space({name: replace(one, conditions=())}).check(base)


def seconds_of(told: float | str | None) -> float | None:
    """A time budget in seconds.

    Examples:
        >>> seconds_of("90s"), seconds_of("1.5m"), seconds_of("2h"), seconds_of(30)
        (90.0, 90.0, 7200.0, 30.0)
    """
    if told is None:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*", str(told))
    if not found or float(found[1]) <= 0:
        raise RecipeError(f"time must be seconds or such as 90s, 5m, 1h, but got {told!r}")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]
