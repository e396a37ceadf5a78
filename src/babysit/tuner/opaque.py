"""Somebody else's training as a `Train`: a recipe (or edit) goes in, a run comes out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from ..errors import BabysitError
from ..record import Recipe, Run
from .job import Job, Outcome, broken

SCORES = ("accuracy.val", "r2.val")


def outcome_of(train: Callable[..., Any], base: Recipe, job: Job, takes_until: bool) -> Outcome:
    """Train with a function `train(recipe) -> Run`; one that also takes `until` may stop there by itself.

    A run without a validation score is judged by its validation loss, else by its training loss, negated.
    """
    began = time.perf_counter()
    recipe = base.edit({**job.params, "epochs": job.epochs, "seed": base.seed + job.seed})
    try:
        run = train(recipe, until=job.until) if takes_until else train(recipe.edit(epochs=job.until))
    except (KeyboardInterrupt, BabysitError):
        raise
    except Exception as error:
        return Outcome(job.told(), broken=f"{type(error).__name__}: {error}", failed=True)
    found = read(run, job)
    found.seconds = time.perf_counter() - began
    return found


def read(run: Run, job: Job) -> Outcome:
    """What a run says of its trial."""
    costs = run.series("loss.train").values.tolist()
    losses = run.series("loss.val").values.tolist()
    scores: list[float] = next((run.series(name).values.tolist() for name in SCORES if run.has(name)), [])
    if not scores:
        scores = [-value for value in (losses or costs)]
    why = broken(costs, costs[0] if costs else math.nan) if len(costs) > 1 else ""
    if costs and not math.isfinite(costs[-1]):
        why = "cost is not finite"
    losses = losses or [math.nan] * len(scores)
    # at least the epochs asked for stand behind the newest score, however often it was read
    scores = resampled(scores, job.until)
    return Outcome(
        job.told(), costs[-1:] * len(scores), resampled(losses, job.until), scores, costs[0] if costs else math.nan, why
    )


def resampled(values: list[float], count: int) -> list[float]:
    """`count` values over the same course, the last one last."""
    if not values:
        return []
    return [values[min(len(values) - 1, math.ceil((i + 1) * len(values) / count) - 1)] for i in range(count)]
