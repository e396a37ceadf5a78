"""A study's trials as they come: each one's score, and the best so far."""

from __future__ import annotations

import numpy as np

from ..panel import Axis, Dots, Line, Panel, Value, panel
from ..study import describe, is_share, metric_name, scored, tell
from ..words import plural

TONES = ("sky", "orange", "green", "purple", "vermillion")


@panel(of="study", order=10)
def trials_as_they_come(study):
    """One dot for each trial, coloured by its stage (coarse to fine), and the best so far."""
    trials = scored(study)
    if not trials:
        return None
    at = np.array([trial.number for trial in trials])
    scores = np.array([trial.score for trial in trials])
    stages = np.array([trial.stage for trial in trials])
    best = np.maximum.accumulate(scores)
    words = [describe(one, study) for one in trials]
    marks, named = [], []
    for index, stage in enumerate(sorted(set(stages.tolist()))):
        rows = np.flatnonzero(stages == stage)
        tone = TONES[index % len(TONES)]
        marks.append(Dots(f"stage {stage + 1}", at[rows], scores[rows], text=[words[row] for row in rows], tone=tone))
        named.append(Value(f"stage {stage + 1}", f"{len(rows)} trials", tone))
    low = float(np.quantile(scores, 0.05)) - 0.02
    below = 0 if is_share(study) else int((scores < low).sum())  # a score without a floor may lie anywhere
    axis = Axis(metric_name(study), share=is_share(study), low=low if below else None)
    values = [
        Value("highest", tell(study, float(best[-1]))),
        *(named if len(named) > 1 else [Value("trials", str(len(study.trials)))]),
    ]
    broken = sum(trial.state == "broken" for trial in study.trials)
    values += [Value("broken off", str(broken))] if broken else []
    return Panel("Trials as they come", [*marks, Line("best so far", at, best, "ink", "step")], x=Axis("trial"), y=axis, values=values,
                 wide=True, height=320, note=f"{plural(below, 'trial')} below." if below else "")  # fmt: skip
