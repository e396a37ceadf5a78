"""How the training goes: where the loss began, where it is, what chance would give, and whether the run is winning.

Every rule that rests on statistics asks this first: a run that learns well is protected.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from ..record import Run, Series
from ._network import criterion, is_matrix

READS = (
    "loss.train", "loss.criterion", "loss.val", "loss.chance", "accuracy.train", "accuracy.val", "r2.train", "r2.val",
    "target.entropy", "target.std", "event:end", "step", "calls.backward",
    "fact:task", "fact:modules", "fact:optimizers", "fact:parameters", "fact:criteria", "fact:loops",
)  # fmt: skip
"""What `progress` rests on: every graded rule reads these too."""


@dataclass(frozen=True)
class Progress:
    """The course of a run in a few robust numbers (NaN where unknown).

    Attributes:
        readings: finite loss readings so far.
        step: step of the newest one.
        first: the level at which the loss began.
        best: its lowest level (median of a window), last: its level now.
        noise: robust standard deviation of single readings around their level.
        slope: change of the level over the newest fifth of the run, in standard errors; negative falls.
        chance: what a constant best guess would cost.
        skill: 0 as good as a constant guess, 1 perfect: the best of accuracy, R² and loss.
        unseen: the same for validation.
        score: the newest accuracy or R²; `score_name` says which reading it is.
        guess: the accuracy that a constant guess gives.
        comparable: the loss of one step can be compared with that of another: one model with one
            optimizer and targets that stand still. False for GANs and moving targets.
        ended: the training is over.
        broken: the newest loss is not finite.
    """

    readings: int = 0
    step: int = 0
    first: float = math.nan
    best: float = math.nan
    last: float = math.nan
    noise: float = math.nan
    slope: float = math.nan
    chance: float = math.nan
    skill: float = math.nan
    unseen: float = math.nan
    score: float = math.nan
    score_name: str = ""
    guess: float = math.nan
    comparable: bool = True
    ended: bool = False
    broken: bool = False

    @property
    def relapsed(self) -> bool:
        """Half of what was gained is lost again."""
        gain = self.first - self.best
        return gain > 0 and self.last - self.best > 0.5 * gain and self.last - self.best > 3 * self.noise

    @property
    def fell(self) -> float:
        """How far the level fell, as a share of where it began (0 when it didn't)."""
        scale = abs(self.first)
        return max(0.0, (self.first - self.last) / scale) if scale > 0 else 0.0

    @property
    def improving(self) -> bool:
        """By its own history: the level lies clearly below where it began, or below chance where that is less, and stays.

        This is for losses whose floor isn't 0 (soft targets, a sum of terms), which no distance from perfection measures.
        """
        if self.broken or self.readings < 10 or self.relapsed or not self.comparable:
            return False
        start = self.first if math.isnan(self.chance) or self.chance <= 0 else min(self.first, self.chance)
        below = start - self.last
        return below > 0.1 * abs(start) and below > 3 * self.noise and not self.unseen < 0.05

    @property
    def winning(self) -> bool:
        """Learns well: at least half of what separates a constant guess from perfection is learnt."""
        if self.broken or self.readings < 3 or self.relapsed or not math.isfinite(self.last):
            return False
        if self.unseen < 0.05:
            return False  # learned by heart, or judged on something else
        if not math.isnan(self.skill):
            return self.skill >= 0.5 or (self.skill >= 0.2 and self.fell > 0.2 and self.slope < -3)
        return self.first > 0 and self.last < 0.5 * self.first

    @property
    def learning(self) -> bool:
        """Learns something: clearly better than a constant guess, or clearly below where it began."""
        if self.winning:
            return True
        if self.broken or self.readings < 3 or self.relapsed or not math.isfinite(self.last) or self.unseen < 0.02:
            return False
        if not math.isnan(self.skill):
            return self.skill >= 0.1
        return self.fell > 0.1 and self.first - self.last > 5 * self.noise / math.sqrt(3)


def progress(run: Run) -> Progress:
    """The course of this run so far; worked out once per version of the run."""
    return run.once(_progress)


def judged(run: Run) -> Series:
    """The loss to judge: the criterion's own value where it was read as often, else what `backward` was called on."""
    begun = run.once(_last_training)
    own, total = run.series("loss.criterion").since(begun), run.series("loss.train").since(begun)
    return own if len(own) and 2 * len(own) >= len(total) else total


def _last_training(run: Run) -> int:
    """The first step of the newest of several trainings that come one after another; 0: there is one, or they take turns.

    A search for a rate, folds, an ensemble: each has an optimizer of its own, and none steps again once the next one has.
    """
    if len(run.fact("optimizers") or []) < 2:
        return 0
    spans = sorted(
        (int(series.steps[0]), int(series.steps[-1])) for _, series in run.each("calls.backward") if len(series)
    )
    one_by_one = all(before[1] < after[0] for before, after in itertools.pairwise(spans))
    return spans[-1][0] if len(spans) > 1 and one_by_one else 0


def _progress(run: Run) -> Progress:
    loss = judged(run)
    good = np.isfinite(loss.values)
    steps, values = loss.steps[good], loss.values[good]
    guess = majority(run)
    score, score_name, skill = _score(run, guess)
    shared = {"guess": guess, "score": score, "score_name": score_name, "comparable": _comparable(run), "ended": bool(run.events_of("end")), "broken": bool(len(loss)) and not bool(good[-1])}  # fmt: skip
    if not len(values):
        return Progress(skill=skill, **shared)  # type: ignore[arg-type]
    window = int(np.clip(len(values) // 10, 3, 50))
    chance = _finite_last(run, "loss.chance")
    if criterion(run).get("reduction") == "sum" and (run.fact("task") or {}).get("kind") != "classes":
        chance = math.nan  # it is that of one number
    if criterion(run).get("reduction") == "none" and not run.has("loss.criterion"):
        chance = math.nan  # what was made of the single losses is not known
    if criterion(run).get("weighted"):
        # the cost of a guess is that of unweighted labels, and a score below the majority's is what weights are for
        chance = chance if (run.fact("task") or {}).get("kind") == "classes" else math.nan
        skill = skill if skill > 0 else math.nan
    last = float(np.median(values[-window:]))
    levels = levels_of(values, window)
    if chance > 0 and last >= 0:
        skill = float(np.fmax(skill, 1 - last / chance))
    noise = spread(np.diff(values[-4 * window :])) / math.sqrt(2)
    return Progress(
        readings=len(values),
        step=int(steps[-1]),
        first=float(min(values[0], np.median(values[:3]))),
        best=float(levels.min()),
        last=last,
        noise=noise,
        slope=_slope(values, noise),
        chance=chance,
        skill=skill,
        unseen=_unseen(run, guess, chance),
        **shared,  # type: ignore[arg-type]
    )


def levels_of(values: np.ndarray, window: int) -> np.ndarray:
    """Medians of consecutive windows, the newest window whole."""
    count = max(1, len(values) // window)
    whole = values[len(values) - count * window :] if len(values) >= window else values
    return np.median(whole.reshape(count, -1), axis=1)


def spread(values: np.ndarray) -> float:
    """Robust standard deviation: 1.4826 times the median absolute deviation; 0 for fewer than two values."""
    if len(values) < 2:
        return 0.0
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def majority(run: Run) -> float:
    """The accuracy of always guessing the commonest class: the largest share that the entropy of the labels allows.

    Of all label marginals with entropy H over K classes, the one with the largest share p has the
    rest spread evenly: H = -p ln p - (1-p) ln((1-p)/(K-1)), solved for p. NaN where it isn't about classes.
    """
    task = run.fact("task") or {}
    classes = task.get("classes") or 0
    if task.get("kind") == "binary":
        classes = 2
    if task.get("kind") not in ("classes", "binary", "sequence") or classes < 2:
        return math.nan
    entropy = _finite_last(run, "target.entropy")
    if math.isnan(entropy) or entropy >= math.log(classes):
        return 1 / classes
    low, high = 1 / classes, 1 - 1e-12
    for _ in range(40):
        middle = (low + high) / 2
        rest = 1 - middle
        if -middle * math.log(middle) - rest * math.log(rest / (classes - 1)) > entropy:
            low = middle
        else:
            high = middle
    return low


def _score(run: Run, guess: float) -> tuple[float, str, float]:
    """(score, its reading, skill): the newest of training and validation; no skill from one that is out of date."""
    for kind in ("accuracy", "r2"):
        taken = [
            (series.steps[-1], name == f"{kind}.train", name, series.last)
            for name in (f"{kind}.val", f"{kind}.train")
            if len(series := run.series(name))
        ]
        taken = [one for one in taken if math.isfinite(one[-1])]
        if not taken or (kind == "accuracy" and not guess < 1):
            continue
        step, _, name, value = max(taken)
        skill = (value - guess) / (1 - guess) if kind == "accuracy" else value
        return value, name, skill if step >= 0.5 * run.step else math.nan
    return math.nan, "", math.nan


def _unseen(run: Run, guess: float, chance: float) -> float:
    """Skill on validation, the better of what its newest loss and its newest score say; NaN where there is none."""
    loss, score = _finite_last(run, "loss.val"), _finite_last(run, "accuracy.val")
    by_loss = 1 - loss / chance if chance > 0 and loss >= 0 else math.nan
    by_score = (score - guess) / (1 - guess) if guess < 1 else math.nan
    return float(np.fmax(by_loss, by_score))


def _finite_last(run: Run, what: str) -> float:
    value = run.last(what)
    return value if math.isfinite(value) else math.nan


def _slope(values: np.ndarray, noise: float) -> float:
    part = len(values) // 5
    if part < 3:
        return math.nan
    new, old = values[-part:], values[-2 * part : -part]
    error = max(noise, 1e-12 * (1 + abs(float(values[-1])))) * math.sqrt(2 / part) * 1.2533
    return float((np.median(new) - np.median(old)) / error)


def _parts_of_one(run: Run, models: set[str | None]) -> bool:
    """Does the one optimizer train all of these (an encoder and a decoder)? A target network or a teacher isn't trained."""
    model_of = {one.get("name"): one.get("model") for one in run.fact("modules") or []}
    trained: dict[str | None, bool] = {}
    for one in run.fact("parameters") or []:
        model = model_of.get(one.get("module"))
        trained[model] = trained.get(model, False) or one.get("optimizer") is not None
    return all(trained.get(model, True) for model in models)


def _comparable(run: Run) -> bool:
    optimizers = run.fact("optimizers") or []
    models = {module.get("model") for module in run.fact("modules") or [] if module.get("calls", 1)}
    several = len(optimizers) > 1 or (len(models - {None}) > 1 and not _parts_of_one(run, models))
    if several and not run.once(_last_training):
        return False  # they take turns, and each changes what the others' losses mean
    if optimizers and run.fact("criteria") == [] and _of_both_signs(judged(run).values):
        return False  # a surrogate (a policy gradient's): its value says nothing, its gradient everything
    if (run.fact("task") or {}).get("kind") in ("classes", "binary", "multilabel", "sequence"):
        return True
    sd = run.series("target.std").values
    sd = sd[np.isfinite(sd)]
    # targets that grow as training goes on are made by the training itself (bootstrapped values)
    return not (len(sd) >= 6 and np.median(sd[-3:]) > 2 * max(np.median(sd[:3]), 1e-12))


def _of_both_signs(values: np.ndarray) -> bool:
    """Does it lie well above 0 again and again, and well below?"""
    part = values[np.isfinite(values)]
    if len(part) < 10:
        return False
    late = part[len(part) // 2 :]
    return bool(np.mean(part < 0) > 0.1 and np.mean(part > 0) > 0.1) or (
        part[0] < 0 and float(np.median(late)) > part[0]
    )


def overturned(run: Run, *, before: float = 0.2, after: float = 0.005, times: float = 3.0) -> bool:
    """Have the steps undone what the network was, without learning?

    A layer that told its inputs apart (share of its variance between examples) hardly does any more, or half of the weight
    matrices have several times the size that they started with.
    """
    told = (series for _, series in run.each("activation.between") if len(series) >= 5)
    if any(series.first > before and series.last < after for series in told):
        return True
    grown = [
        series.last / series.first
        for where, series in run.each("weight.rms")
        if len(series) >= 5 and series.first > 0 and series.steps[0] <= 3 and is_matrix(run, where)
    ]
    return bool(grown) and float(np.median(grown)) > times


def grade(run: Run, severity: str, *, least: int = 10) -> str:
    """The severity that a heuristic may claim on this run.

    A winning run gets no more than `info`, one that learns no more than `warning`, and one with
    fewer than `least` loss readings no more than `info`: small samples don't speak.
    """
    now = progress(run)
    if now.winning or (now.readings < least and not (now.broken and now.readings)):
        return "info"
    return "warning" if now.learning and severity == "error" else severity
