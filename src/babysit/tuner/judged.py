"""What a study itself says is wrong: rules over trials, pure, without torch."""

from __future__ import annotations

import math

import numpy as np

from ..record.finding import Evidence, Finding, Remedy
from ..record.study import Study
from .space import Space

ENOUGH = 48
"""Trials from which on no correlation tells that nothing matters: among fewer, chance hides even what does."""


def findings(study: Study, space: Space) -> list[Finding]:
    """Everything that a study's trials show to be wrong with the search."""
    found = [*_exploded(study), *_on_edge(study, space), *_noise(study), *_nothing_matters(study, space)]
    return found


def _exploded(study: Study) -> list[Finding]:
    ended = [trial for trial in study.trials if trial.state != "running"]
    bad = [trial for trial in ended if trial.state in ("broken", "failed") and trial.why != "time was over"]
    if len(ended) < 4 or len(bad) < 0.9 * len(ended):
        return []
    return [
        Finding(
            "search-all-exploded", f"{len(bad)} of {len(ended)} trials broke down: {bad[-1].why}", "error", "symptom", 0.9,
            evidence=(Evidence("trial.broken", None, None, len(bad) / len(ended), "< 0.9", 0.9),),
            remedies=(Remedy("search lower learning rates", None, 'space["lr"] = log(1e-6, 1e-2)'),),
        )
    ]  # fmt: skip


def _on_edge(study: Study, space: Space) -> list[Finding]:
    try:
        best = study.best
    except ValueError:
        return []
    found = []
    for name, one in space.items():
        if not one.is_number or name not in best.params:
            continue
        unit = one.unit(best.params[name])
        if min(unit, 1 - unit) <= 0.03:
            side = "low" if unit < 0.5 else "high"
            found.append(
                Finding(
                    "search-best-on-edge",
                    f"the best {name} ({best.params[name]:.3g}) lies at the {side} end of its range, {one}: better ones may lie beyond",
                    "warning", "symptom", 0.6, where=name,
                    evidence=(Evidence(f"param.{name}", None, None, float(best.params[name]), f"inside {one}"),),
                    remedies=(Remedy(f"widen the range of {name}"),),
                )
            )  # fmt: skip
    return found


def _noise(study: Study) -> list[Finding]:
    believed = [trial for trial in study.trials if trial.number in set(study.believed) and math.isfinite(trial.sd)]
    if len(believed) < 2:
        return []
    believed.sort(key=lambda trial: trial.rank, reverse=True)
    difference = believed[0].score - believed[-1].score
    noise = float(np.mean([trial.sd for trial in believed]))
    if difference > noise:
        return []
    return [
        Finding(
            "search-noise-larger-than-differences",
            f"the best {len(believed)} differ by {difference:.4f}, but one recipe differs by ± {noise:.4f} from seed to seed: "
            "which of them is the best can't be told",
            "info", "symptom", 0.8,
            evidence=(Evidence("trial.sd", None, None, noise, f"< {difference:.4f}", difference),),
            remedies=(Remedy("more folds, or more validation examples"),),
        )
    ]  # fmt: skip


def _nothing_matters(study: Study, space: Space) -> list[Finding]:
    """No field is correlated with the score among the first stage's trials (drawn from the whole space)."""
    first = [
        trial for trial in study.trials if trial.stage == 0 and math.isfinite(trial.score) and trial.state != "broken"
    ]
    if len(first) < ENOUGH:
        return []
    scores = np.array([trial.curve[min(1, len(trial.curve) - 1)] for trial in first])
    rank = np.argsort(np.argsort(scores)).astype(float)
    strongest = 0.0
    for name, one in space.items():
        values = [trial.params.get(name) for trial in first]
        if one.is_number:
            units = np.array([math.nan if value is None else one.unit(value) for value in values])
            has = np.isfinite(units)
            if has.sum() < 20:
                continue
            both = np.argsort(np.argsort(units[has])).astype(float)
            for shape in (both, (both - both.mean()) ** 2):
                if shape.std() and rank[has].std():
                    strongest = max(strongest, abs(float(np.corrcoef(shape, rank[has])[0, 1])))
        else:
            means = [rank[[value == option for value in values]].mean() for option in one.options if option in values]
            spread = (max(means) - min(means)) / max(rank.std(), 1e-9) if len(means) > 1 else 0.0
            strongest = max(strongest, spread / 2)
    if strongest > 2.5 / math.sqrt(len(first)):
        return []
    return [
        Finding(
            "search-nothing-matters",
            f"no searched field is related to the score (strongest correlation {strongest:.2f} over {len(first)} trials)",
            "warning", "symptom", 0.5,
            evidence=(Evidence("trial.correlation", None, None, strongest, f"> {2.5 / math.sqrt(len(first)):.2f}"),),
            remedies=(Remedy("search other fields, or look at what the trials have in common"),),
        )
    ]  # fmt: skip
