"""Between "loss barely changes" and "loss explodes" lies the learning rate."""

from __future__ import annotations

import math

import numpy as np

from ..record import Evidence, Recipe, Run
from ..record.remedies import lr_of
from . import UNREGULARIZED, Outcome, Train, check, sick


@check(gate=4, cost=2)
def learning_rate_range(
    recipe: Recipe,
    train: Train,
    *,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 150,
    moved: float = 0.05,
) -> Outcome:
    """Which learning rates lie between "the loss barely changes" and "the loss explodes"?

    Why it matters: the learning rate is the one setting that ruins everything when it is wrong by a
    factor of ten. One short training whose rate rises exponentially shows both ends; the search then
    looks only between them.

    Args:
        lowest, highest: the ends of the ramp.
        steps: of the ramp.
        moved: the share of the loss's whole fall that counts as "begins to change".

    Source:
        CS231n, Neural Networks 3 ("loss barely changing: learning rate too low", "exploding: too
        high"); Smith 2017, the learning rate range test.
    """
    run = train(
        recipe.edit({**UNREGULARIZED, "schedule": "constant", "warmup": 0.0}), steps=steps, ramp=(lowest, highest)
    )
    losses, rates = run.series("loss.train").since(1).values, run.series("lr").since(1).values
    expected = f"an interval in {lowest:.0e}..{highest:.0e}"
    found = interval(losses, rates, moved=moved)
    if found is None:
        reason = "at no learning rate does the loss fall: look at init, activation and preprocess first"
        finding = sick("cannot-overfit-tiny-subset", "At no learning rate does the loss fall.")
        measured = (
            f"the loss stays at {np.nanmin(losses):.3g} or above" if np.isfinite(losses).any() else "never finite"
        )
        return Outcome(False, expected, measured, reason=reason, findings=(finding,))
    low, high = found
    if run.fact("lr") is not None and (wrong := _judged(float(run.fact("lr")), low, high)):
        way = f"between {low:.1e} and {high:.1e}, say {np.sqrt(low * high):.1e}"
        return Outcome(
            False, way, f"{float(run.fact('lr')):.1e}", reason=f"your learning rate is too {wrong}",
            suggests={"lr": (low, high)},
            findings=(
                sick(
                    f"learning-rate-too-{wrong}", f"The learning rate is {float(run.fact('lr')):.1e}: {way} is where the loss falls.",
                    evidence=(Evidence("lr", "", 0, float(run.fact("lr")), way),), remedies=(lr_of(float(np.sqrt(low * high))),),
                ),
            ),
        )  # fmt: skip
    return Outcome(
        passed=True,
        expected=expected,
        measured=f"it begins to fall at {low:.1e}, explodes at {high:.1e}" + _yours(run),
        suggests={"lr": (low, high)},
        seen={"range_test": {"lr": rates.tolist(), "loss": [_finite(one) for one in losses], "low": low, "high": high}},
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _yours(run: Run) -> str:
    return f"; yours is {float(run.fact('lr')):.1e}" if run.fact("lr") is not None else ""


def _judged(lr: float, low: float, high: float) -> str:
    """The word for a rate that is surely outside of a clear interval, "" for any other."""
    if high < 10 * low:
        return ""
    if lr > 0.6 * high:  # on a ramp the loss explodes late: a rate held for long must stay well below
        return "high"
    return "low" if lr < low / 30 else ""


def interval(losses: np.ndarray, rates: np.ndarray, *, moved: float = 0.05) -> tuple[float, float] | None:
    """The rates at which a ramp's smoothed loss begins to fall, and at which it explodes.

    Args:
        losses: (T,) the loss of each step; not finite from where it exploded.
        rates: (T,) the learning rate of each step.
        moved: the share of the whole fall that counts as "begins".

    Returns:
        (low, high), or None when the loss never falls by more than its own noise.

    Examples:
        >>> rates = np.geomspace(1e-6, 10, 200)
        >>> losses = np.where(rates < 1e-4, 2.3, 2.3 - np.log10(rates / 1e-4) * 0.5)
        >>> losses[rates > 0.3] = 50.0
        >>> low, high = interval(losses, rates)
        >>> 5e-5 < low < 1e-3, 0.2 < high < 0.6
        (True, True)
    """
    finite = np.isfinite(losses)
    end = len(losses) if finite.all() else int(np.argmin(finite))
    if end < 10:
        return None
    smooth = _smoothed(losses[:end])
    start = float(np.median(losses[: max(5, end // 10)]))
    noise = float(np.std(losses[: max(5, end // 10)]))
    bottom = int(np.argmin(smooth))
    fall = start - float(smooth[bottom])
    if fall <= max(0.02 * abs(start), noise / 2):
        return None
    still = np.flatnonzero(smooth[:bottom] > start - moved * fall)
    begins = int(still[-1]) + 1 if len(still) else 0
    explodes = [index for index in range(bottom, end) if smooth[index] > float(smooth[bottom]) + fall]
    high = rates[explodes[0]] if explodes else rates[end - 1]
    return float(rates[begins]), float(high)


def _smoothed(values: np.ndarray, keep: float = 0.8) -> np.ndarray:
    """An exponential mean that weighs its first values rightly."""
    mean, found = 0.0, np.empty(len(values))
    for index, value in enumerate(values):
        mean = keep * mean + (1 - keep) * float(value)
        found[index] = mean / (1 - math.pow(keep, index + 1))
    return found
