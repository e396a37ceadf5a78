"""A study read for its figures: which fields were searched, on which scale, and where each trial stood."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..record.study import Study, Trial
from ..record.writer import Written, standing
from .words import clean, duration, number, plural, share, whereabouts


def is_study(record: Any) -> bool:
    """Is it a `record.Study` (or Optuna's own)?"""
    return isinstance(record, Study) or (hasattr(record, "trials") and not hasattr(record, "series"))


def study_from(value: Any) -> Study | None:
    """A Study from a Study, its plain form, or an Optuna study; None from anything else (and from no trials)."""
    if isinstance(value, Study):
        return value
    if isinstance(value, Mapping):
        try:
            return Study.from_dict(value) if value.get("trials") else None
        except (TypeError, KeyError, ValueError):
            return None
    return _of_optuna(value) if hasattr(value, "get_trials") else None


def fields(study: Study) -> list[str]:
    """The searched fields, learning rate and weight decay first."""
    first = {"lr": 0, "weight_decay": 1}
    names = list(dict.fromkeys([*study.space, *(name for trial in study.trials for name in trial.params)]))
    return sorted(names, key=lambda name: first.get(name, 2))


def numeric(study: Study) -> list[str]:
    """The fields whose values are numbers, with more than one value."""
    kept = []
    for name in fields(study):
        seen = {trial.params.get(name) for trial in study.trials} - {None}
        if len(seen) > 1 and all(isinstance(one, int | float) and not isinstance(one, bool) for one in seen):
            kept.append(name)
    return kept


def is_log(study: Study, name: str) -> bool:
    """Is the field searched on a log scale? As its space says, else by what its values span."""
    told = study.space.get(name)
    if isinstance(told, Mapping):
        return "log" in told or bool(told.get("logarithmic"))
    values = [trial.params[name] for trial in study.trials if isinstance(trial.params.get(name), int | float)]
    return bool(values) and min(values) > 0 and max(values) / 100 > min(values)


def bounds(study: Study, name: str) -> tuple[float, float] | None:
    """The field's range, where it has one."""
    told = study.space.get(name)
    if isinstance(told, Mapping):
        for kind in ("log", "uniform", "integers"):
            if kind in told:
                low, high = told[kind]
                return float(low), float(high)
    return None


def units(study: Study, trials: list[Trial], name: str) -> tuple[np.ndarray, tuple[str, str]]:
    """Where each trial's value stands, 0..1, and what stands at 0 and 1. Choices are spread evenly."""
    values = [trial.params.get(name) for trial in trials]
    if name in numeric(study):
        low, high = bounds(study, name) or (
            min(v for v in values if v is not None),
            max(v for v in values if v is not None),
        )
        log = is_log(study, name) and low > 0
        scale = math.log if log else float
        ends = scale(low), scale(high)
        wide = (ends[1] - ends[0]) or 1.0
        at = np.array([math.nan if v is None or (log and v <= 0) else (scale(v) - ends[0]) / wide for v in values])
        return at, (number(low), number(high))
    seen = list(dict.fromkeys(str(v) for v in values if v is not None))
    at = np.array([math.nan if v is None else (seen.index(str(v)) + 0.5) / len(seen) for v in values])
    return at, ("", ", ".join(clean(one, 12) for one in seen[:4]))


def scored(study: Study) -> list[Trial]:
    """The trials with a score, in their order."""
    return [trial for trial in study.trials if math.isfinite(trial.score)]


def is_share(study: Study) -> bool:
    """Is the score a share (accuracy)?"""
    return study.metric == "accuracy"


def tell(study: Study, score: float) -> str:
    """A score in words."""
    return share(score) if is_share(study) else number(score)


def metric_name(study: Study) -> str:
    """The score's name for an axis."""
    return {"accuracy": "validation accuracy", "r2": "validation R²"}.get(study.metric, clean(study.metric, 40))


def describe(trial: Trial, study: Study) -> str:
    """A trial in one line, for a reader who points at it."""
    params = ", ".join(
        f"{clean(name, 24)} {number(v) if isinstance(v, float) else clean(v, 24)}" for name, v in trial.params.items()
    )
    return f"trial {trial.number}: {tell(study, trial.score)}, {params}"


def study_heading(study: Any) -> dict[str, Any]:
    """What the page's head says of a study."""
    study = study_from(study) or Study(space={})
    facts = [plural(len(study.trials), "trial"), clean(study.method, 40)]
    if study.seconds:
        facts.append(duration(study.seconds))
    if study.heard:
        facts += [
            one for one in [whereabouts(standing(study.ended, Written(study.writer, study.heard)), study.heard)] if one
        ]
    known = scored(study)
    words = []
    if known:
        try:
            best = study.best
            facts.append(
                f"best {metric_name(study)} {tell(study, best.score)}"
                + (f" ± {tell(study, best.sd)}" if math.isfinite(best.sd) else "")
            )
        except ValueError:
            pass
    words += [str(one) for one in study.widenings]
    told = {"status": "findings" if study.findings else "study", "words": plural(len(study.findings), "finding"), "worst": "warning",
            "reason": "", "findings": []} if study.findings else None  # fmt: skip
    if told is not None:
        from .cards import finding_card

        told["findings"] = [finding_card(one, None) for one in study.findings]
    return {
        "name": "Search",
        "facts": facts,
        "ended": study.ended,
        "step": len(study.trials),
        "spoken": ", ".join(facts),
        "verdict": told,
    }


def importance(study: Study) -> dict[str, float]:
    """How much of the score's spread each field explains, most first (shares that sum to 1).

    Optuna's PED-ANOVA or fANOVA where Optuna is installed and has enough to go by, else the squared rank
    correlation of each numeric field.
    """
    trials = [trial for trial in scored(study) if trial.state != "failed"]
    if len(trials) < 8:
        return {}
    return _by_optuna(study, trials) or _by_rank(study, trials)


def _by_optuna(study: Study, trials: list[Trial]) -> dict[str, float]:
    try:
        import optuna
    except ImportError:
        return {}
    import warnings

    common = [name for name in fields(study) if all(name in trial.params for trial in trials)]
    spread = {name: _distribution(optuna, study, trials, name) for name in common}
    spread = {name: one for name, one in spread.items() if one is not None}
    if not spread:
        return {}
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = optuna.create_study(direction="maximize")
            made.add_trials([optuna.trial.create_trial(params={name: trial.params[name] for name in spread}, distributions=spread,
                                                       value=trial.score) for trial in trials])  # fmt: skip
            found = optuna.importance.get_param_importances(
                made, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0)
            )
    except Exception:  # too few or too equal values: the plain way says what can be said
        return {}
    finally:
        optuna.logging.set_verbosity(verbosity)
    return {name: float(value) for name, value in found.items() if math.isfinite(value)}


def _distribution(optuna: Any, study: Study, trials: list[Trial], name: str) -> Any:
    values = [trial.params[name] for trial in trials]
    if len(set(map(str, values))) < 2:
        return None
    if name not in numeric(study):
        return optuna.distributions.CategoricalDistribution(list(dict.fromkeys(values)))
    low, high = min(values), max(values)
    log = is_log(study, name) and low > 0
    if all(isinstance(one, int) for one in values):
        return optuna.distributions.IntDistribution(low, high, log=log)
    return optuna.distributions.FloatDistribution(float(low), float(high), log=log)


def _by_rank(study: Study, trials: list[Trial]) -> dict[str, float]:
    scores = _ranks(np.array([trial.score for trial in trials]))
    found = {}
    for name in numeric(study):
        at = np.array([float(trial.params.get(name, math.nan)) for trial in trials])
        known = np.isfinite(at)
        if known.sum() >= 8 and len(set(at[known])) > 1:
            with np.errstate(invalid="ignore"):
                found[name] = float(np.corrcoef(_ranks(at[known]), scores[known])[0, 1] ** 2)
    total = sum(one for one in found.values() if math.isfinite(one))
    kept = {name: one / total for name, one in found.items() if math.isfinite(one) and total > 0}
    return dict(sorted(kept.items(), key=lambda one: -one[1]))


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, many = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(many) - (many - 1) / 2)[place]


def _of_optuna(value: Any) -> Study:
    """An Optuna study in our words; a study that minimizes is turned round."""
    sign = -1.0 if str(getattr(value.direction, "name", value.direction)).upper() == "MINIMIZE" else 1.0
    states: dict[str, Any] = {
        "COMPLETE": "complete",
        "PRUNED": "dropped",
        "FAIL": "failed",
        "RUNNING": "running",
        "WAITING": "running",
    }
    trials, space = [], {}
    for one in value.get_trials(deepcopy=False):
        curve = [sign * float(score) for _, score in sorted(one.intermediate_values.items())]
        score = sign * float(one.value) if one.value is not None else (curve[-1] if curve else math.nan)
        trials.append(Trial(one.number, dict(one.params), state=states.get(one.state.name, "failed"), score=score,
                            epochs=len(curve) or 1, curve=curve))  # type: ignore[arg-type] # fmt: skip
        for name, spread in one.distributions.items():
            low, high = getattr(spread, "low", None), getattr(spread, "high", None)
            space[name] = (
                {"log" if getattr(spread, "log", False) else "uniform": [low, high]}
                if low is not None
                else list(spread.choices)
            )
    metric = (
        "accuracy"
        if sign > 0 and all(0 <= t.score <= 1 for t in trials if math.isfinite(t.score))
        else ("score" if sign > 0 else "minus the value")
    )
    return Study(space=space, trials=trials, metric=metric, method="Optuna")
